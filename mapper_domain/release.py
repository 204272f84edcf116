"""Releases: the manifest, the pointer, and the verification serving and deployment share.

releases/<id>/manifest.json  adapter/  retriever/  catalog/{taxonomy,detectors,frameworks}/  answers.jsonl
releases/current.json        the pointer, swapped atomically
releases/promotions.jsonl    append-only: who, why, from, to, hold
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AwareDatetime, Field, ValidationError

from mapper_domain.errors import ReleaseCorrupt, ReleaseMissing
from mapper_domain.ladder import Answer, Trust
from mapper_domain.value import Value

MANIFEST = "manifest.json"
ADAPTER = "adapter"
RETRIEVER = "retriever"
POINTER = "current.json"
PROMOTIONS = "promotions.jsonl"


class BaseModelRef(Value):
    """The model an adapter was trained on.

    Attributes:
        name: profile name, for example `smollm2-135m-instruct`.
        sha256: SHA-256 (hex) of its safetensors weights.
    """

    name: str
    sha256: str


class Manifest(Value):
    """Everything a release is. Its id is the SHA-256 of this document's content without the id.

    Attributes:
        adapter_sha256: SHA-256 (hex) of the adapter's safetensors weights.
        retriever_sha256: SHA-256 (hex) of the retriever's safetensors weights.
        files: SHA-256 (hex) of every file of the release except the manifest, by POSIX path.
        scores: the evaluation's headline numbers by name, for readers.
        gates: verdict by gate name; every one is true in a promoted release.
        libraries: versions of the libraries that made it.
        seed: the training seed.
    """

    base_model: BaseModelRef
    adapter_sha256: str
    adapter_rank: int
    retriever_sha256: str
    dataset_sha256: str
    catalog_sha256: str
    evaluation_sha256: str
    taxonomy_version: str
    frameworks_version: str
    prompt_version: str
    trust: Trust
    scores: Mapping[str, float] = Field(default_factory=dict)
    gates: Mapping[str, bool] = Field(default_factory=dict)
    libraries: Mapping[str, str] = Field(default_factory=dict)
    seed: int
    files: Mapping[str, str]

    @property
    def id(self) -> str:
        """First 16 hex digits of the SHA-256 of the canonical JSON of this manifest."""
        return sha256_text(canonical(self))[:16]


class KnownAnswer(Value):
    """One line of `answers.jsonl`: what the ladder says about a label some YAML has.

    Attributes:
        label: the detector's own label, exactly as its YAML has it.
        answer: its `agreement` is None where the model was not asked.
    """

    detector: str
    field: str | None = None
    label: str
    answer: Answer


ReleaseId = Annotated[str, Field(pattern=r"^[0-9a-z]{1,64}$")]
"""A release as pointers name it: never a path."""


class Canary(Value):
    """A release on trial: it answers a share of the traffic.

    Attributes:
        share: of the (tenant, detector, label) combinations; the same ones get it until the share changes.
        since: when somebody asked for it. A canary that failed stays out until it is asked for again.
    """

    release: ReleaseId
    share: float = Field(gt=0.0, le=1.0)
    since: AwareDatetime | None = None


class Shadow(Value):
    """A release on trial: it is asked after the reply, and what it says is only compared.

    Attributes:
        share: of the (tenant, detector, label) combinations it is asked about.
    """

    release: ReleaseId
    share: float = Field(default=1.0, gt=0.0, le=1.0)


class Pointer(Value):
    """Which release serves, and which are on trial beside it: the content of `current.json`."""

    release: ReleaseId
    promoted_at: AwareDatetime
    canary: Canary | None = None
    shadow: Shadow | None = None

    @property
    def releases(self) -> tuple[str, ...]:
        """Every release it names, the one that serves first."""
        trials = (trial.release for trial in (self.canary, self.shadow) if trial is not None)
        return tuple(dict.fromkeys((self.release, *trials)))


class Promotion(Value):
    """One line of `promotions.jsonl`: what the pointer says from then on.

    Attributes:
        release: the release that serves; the one before where only a trial began or ended.
        hold: while the latest line has it, automation does not roll forward.
        canary: on trial from then on; None ends the trial.
        shadow: likewise.
    """

    at: AwareDatetime
    by: str
    reason: str
    previous: str | None
    release: str
    hold: bool = False
    canary: Canary | None = None
    shadow: Shadow | None = None

    @property
    def pointer(self) -> Pointer:
        """The pointer it makes."""
        return Pointer(release=self.release, promoted_at=self.at, canary=self.canary, shadow=self.shadow)


def canonical(value: Value) -> str:
    """Canonical JSON text of a value: sorted keys, no blanks."""
    return json.dumps(value.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256_text(text: str) -> str:
    """SHA-256 (hex) of UTF-8 text."""
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_weights(folder: Path) -> str:
    """SHA-256 (hex) of all safetensors files of a base model folder, one after the other in name order."""
    digest = hashlib.sha256()
    for shard in sorted(folder.glob("*.safetensors")):
        with shard.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def read_pointer(releases: Path) -> Pointer | None:
    """The pointer, or None when nothing has been promoted yet.

    Raises:
        ReleaseCorrupt: when `current.json` is there but is not a pointer.
    """
    path = releases / POINTER
    return parse_pointer(path.read_bytes()) if path.exists() else None


def parse_pointer(content: bytes) -> Pointer:
    """The pointer in the content of `current.json`.

    Raises:
        ReleaseCorrupt: when there is none in it.
    """
    try:
        return Pointer.model_validate_json(content)
    except ValidationError as error:
        raise ReleaseCorrupt(f"{POINTER} is not a release pointer; promote a release again.") from error


def parse_manifest(content: bytes, release: str) -> Manifest:
    """The manifest of a release, whose id was checked.

    Raises:
        ReleaseCorrupt: when it cannot be read, is of another release, or names a file outside of the release.
    """
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise ReleaseCorrupt(
            f"{MANIFEST} of release {release} cannot be read ({error.error_count()} problems): it was altered, or "
            "made by another version of this software. Promote another release."
        ) from error
    if manifest.id != release:
        raise ReleaseCorrupt(f"Release {release} has the content of {manifest.id}; it was altered.")
    if any(PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts for name in manifest.files):
        raise ReleaseCorrupt(f"{MANIFEST} of release {release} names a file outside of the release.")
    return manifest


def verify(folder: Path) -> Manifest:
    """The manifest of a release whose id and every file hash were checked.

    Raises:
        ReleaseMissing: when the folder or its manifest is not there.
        ReleaseCorrupt: when the id or a file does not match; names every such file.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise ReleaseMissing(f"Release {folder.name} has no {MANIFEST}; promote a release that exists.")
    manifest = parse_manifest(path.read_bytes(), folder.name)
    wrong = [
        name
        for name, sha in manifest.files.items()
        if not (folder / name).is_file() or sha256_file(folder / name) != sha
    ]
    if wrong:
        raise ReleaseCorrupt(f"Release {folder.name} has missing or altered files: {', '.join(sorted(wrong))}.")
    for voice, sha in ((ADAPTER, manifest.adapter_sha256), (RETRIEVER, manifest.retriever_sha256)):
        weights = {name: own for name, own in manifest.files.items() if name.startswith(f"{voice}/")}
        if sha not in (own for name, own in weights.items() if name.endswith(".safetensors")):
            raise ReleaseCorrupt(f"Release {folder.name} does not have the {voice} its manifest names.")
    return manifest
