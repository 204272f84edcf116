"""Makes real, small releases: every file and hash as the deployment writes them; only the evaluation is left out."""

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

from mapper_domain import ladder, release
from mapper_domain.catalog import Catalog, load
from mapper_domain.layout import Layout
from mapper_domain.prompt import PROMPT_VERSION
from mapper_domain.release import (
    MANIFEST,
    POINTER,
    BaseModelRef,
    Manifest,
    Pointer,
    canonical,
    sha256_file,
    sha256_weights,
)
from mapper_domain.rules import RuleMapper

BASE = "small-base"
ADAPTER = "adapter_model.safetensors"
RETRIEVER = "retriever.safetensors"


def make_base(layout: Layout, content: bytes = b"weights") -> Path:
    """A base model folder as far as verification looks into it."""
    folder = layout.base_model(BASE)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(content)
    return folder


def make_adapter(folder: Path, content: bytes, rank: int = 16) -> Path:
    """An adapter folder as far as verification looks into it."""
    folder.mkdir(parents=True)
    (folder / ADAPTER).write_bytes(content)
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    return folder


def make_retriever(folder: Path, content: bytes = b"nearest") -> Path:
    """A retriever folder as far as verification looks into it."""
    folder.mkdir(parents=True)
    (folder / RETRIEVER).write_bytes(content)
    return folder


def make_release(
    layout: Layout,
    root: Path,
    adapter: Path,
    retriever: Path,
    base: Path,
    *,
    catalog: Catalog | None = None,
    seed: int = 0,
    agreed: bool | None = None,
    **changes: object,
) -> str:
    """A release of these voices over the catalogue at `root`; its id. `changes` overwrite fields of the manifest."""
    catalog = catalog or load(root)
    staging = layout.releases / ".staging"
    shutil.rmtree(staging, ignore_errors=True)
    shutil.copytree(adapter, staging / release.ADAPTER)
    shutil.copytree(retriever, staging / release.RETRIEVER)
    for name in ("taxonomy", "detectors", "frameworks"):
        shutil.copytree(root / name, staging / "catalog" / name)
    (staging / "answers.jsonl").write_text("".join(f"{line}\n" for line in answers(catalog, agreed)))
    files = {p.relative_to(staging).as_posix(): sha256_file(p) for p in sorted(staging.rglob("*")) if p.is_file()}
    fields: dict[str, object] = {
        "base_model": BaseModelRef(name=base.name, sha256=sha256_weights(base)),
        "adapter_sha256": sha256_file(adapter / ADAPTER),
        "adapter_rank": json.loads((adapter / "adapter_config.json").read_text())["r"],
        "retriever_sha256": sha256_file(next(retriever.glob("*.safetensors"))),
        "dataset_sha256": "0" * 64,
        "catalog_sha256": catalog.sha256,
        "evaluation_sha256": "0" * 64,
        "taxonomy_version": catalog.taxonomy.version,
        "frameworks_version": catalog.frameworks.version,
        "prompt_version": PROMPT_VERSION,
        "trust": ladder.Trust(),
        "seed": seed,
        "files": files,
    }
    manifest = Manifest.model_validate({**fields, **changes})
    (staging / MANIFEST).write_text(canonical(manifest))
    staging.rename(layout.releases / manifest.id)
    return manifest.id


def answers(catalog: Catalog, agreed: bool | None = None) -> list[str]:
    """Lines of `answers.jsonl`: what the ladder says to every label of the catalogue without a model.

    Args:
        catalog: whose labels.
        agreed: whether a model is said to have agreed; None for none was asked.
    """
    rules, lines = RuleMapper(catalog), []
    for detector in catalog.detectors:
        for mapping in detector.maps:
            hit = rules.find(detector.name, mapping.label, mapping.field)
            answer = ladder.decide(hit, None, trust=ladder.Trust())
            key = {"detector": detector.name, "field": mapping.field, "label": mapping.label}
            lines.append(json.dumps({**key, "answer": {**answer.model_dump(mode="json"), "agreement": agreed}}))
    return lines


def point_at(layout: Layout, release: str) -> None:
    """Move the pointer, atomically."""
    pointer = Pointer(release=release, promoted_at=datetime.now(UTC))
    partial = layout.releases / ".pointer"
    partial.write_text(pointer.model_dump_json())
    partial.replace(layout.releases / POINTER)
