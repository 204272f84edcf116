"""Releases: assembled by content, promoted behind the gates, rolled back by promoting an older one.

A release folder never changes once it has its name, and none is ever deleted here. Serving reads the pointer and
verifies by itself (`mapper_domain.release`); it needs nothing of this module.
"""

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from mapper_assets.deployment.pointer import locked, move, previous_release, promotions
from mapper_assets.evaluation.scores import ANSWERS, GATED, MAPPER, SCORES, Scores
from mapper_assets.gates import Gates, Verdict, judge
from mapper_assets.training import train_retriever
from mapper_assets.training.train_lora import read_record
from mapper_domain.catalog import load
from mapper_domain.errors import GatesFailed, ReleaseCorrupt, ReleaseMismatch, ReleaseMissing
from mapper_domain.layout import Layout
from mapper_domain.release import (
    ADAPTER,
    MANIFEST,
    RETRIEVER,
    Manifest,
    Promotion,
    canonical,
    read_pointer,
    sha256_file,
    verify,
)
from mapper_domain.value import Value

PREVIOUS = "previous"
WEIGHTS = "adapter_model.safetensors"
CATALOG_FOLDERS = ("taxonomy", "detectors", "frameworks")


class Outcome(Value):
    """What a promotion did.

    Attributes:
        release: the release that serves now.
        candidate: the release that was to serve.
        changed: whether the pointer moved.
        held: the candidate waits, because somebody pinned the current release or tries another one beside it.
    """

    release: str
    candidate: str
    changed: bool
    held: bool = False

    @property
    def sentence(self) -> str:
        """The same in words."""
        if self.held:
            return (
                f"Release {self.candidate} waits: {self.release} is pinned, or has a canary beside it. Promote without "
                "hold, or end the canary, to let go."
            )
        if self.changed:
            return f"Release {self.release} serves from now on."
        return f"Release {self.release} serves already; nothing changed."


def read_scores(evaluation: Path) -> Scores:
    """The scores of an evaluation folder or of a release.

    Raises:
        ReleaseMissing: when there are none.
        ReleaseCorrupt: when they cannot be read.
    """
    path = evaluation / SCORES
    if not path.exists():
        raise ReleaseMissing(f"{path} is not there; materialise evaluation/golden_set_evaluation.")
    try:
        return Scores.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ReleaseCorrupt(f"{path} cannot be read as scores: {error.error_count()} problems.") from error


def assemble(layout: Layout, root: Path, evaluation_sha256: str, retriever_sha256: str, gates: Gates) -> str:
    """Build the release an evaluation speaks of, and return its id. The same content gives the same release.

    Args:
        layout: where artefacts lie.
        root: the catalogue root; its YAML is copied into the release.
        evaluation_sha256: the evaluation; it names the adapter and the catalogue that were judged.
        retriever_sha256: the retriever that stood beside it; must be fitted on that catalogue.
        gates: their verdicts are noted in the manifest; `promote` judges again.

    Raises:
        ReleaseMismatch: when the YAML is no longer what was evaluated, or the retriever learnt from other YAML.
        ReleaseMissing: when adapter, retriever or evaluation are gone.
        ReleaseCorrupt: when one of them differs from its hash.
    """
    evaluation = layout.evaluation(evaluation_sha256)
    scores = read_scores(evaluation)
    adapter = layout.adapter(scores.inputs.adapter_sha256)
    _expect(adapter / WEIGHTS, scores.inputs.adapter_sha256)
    retriever = layout.retriever(retriever_sha256)
    _expect(next(retriever.glob("*.safetensors"), retriever), retriever_sha256)
    _expect(evaluation / ANSWERS, scores.files[ANSWERS])
    layout.releases.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=layout.releases, prefix=".staging-"))
    try:
        shutil.copytree(adapter, staging / ADAPTER)
        shutil.copytree(retriever, staging / RETRIEVER)
        for folder in CATALOG_FOLDERS:
            shutil.copytree(root / folder, staging / "catalog" / folder, ignore=_lessons)
        shutil.copy2(evaluation / ANSWERS, staging / ANSWERS)
        shutil.copy2(evaluation / SCORES, staging / SCORES)
        manifest = _manifest(staging, scores, evaluation_sha256, gates)
        (staging / MANIFEST).write_text(canonical(manifest) + "\n")
        return _publish(staging, layout.releases / manifest.id)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def named(layout: Layout, name: str) -> str:
    """The id of a release named by a person: an id, or `previous` for the one that served before.

    Raises:
        ReleaseMissing: when there is none; lists those there are.
    """
    if name == PREVIOUS:
        return previous_release(layout.releases)
    known = sorted(path.parent.name for path in layout.releases.glob(f"[!.]*/{MANIFEST}"))
    if name not in known:
        raise ReleaseMissing(f"There is no release {name[:64]!r}. Known: {', '.join(known) or 'none'}.")
    return name


def promote(
    layout: Layout,
    release: str,
    *,
    by: str,
    reason: str,
    gates: Gates,
    hold: bool = False,
    automatic: bool = False,
    at: datetime | None = None,
) -> Outcome:
    """Let a release serve, after verifying every file and judging the gates again. Rolling back is the same call.

    Trials beside another release end with it (`trials`).

    Args:
        layout: where artefacts lie.
        release: its id.
        by: who wants it.
        reason: why, for the log.
        gates: thresholds to judge by.
        hold: pin it; later automatic promotions wait until somebody promotes without `hold`.
        automatic: no person chose this release, so a pinned one stays, and so does one with a canary beside it.
        at: time for the log, by default now.

    Raises:
        ReleaseMissing: when there is no such release.
        ReleaseCorrupt: when a file of it was altered.
        GatesFailed: when it misses a gate. The pointer has not moved.
    """
    folder = layout.releases / release
    verify(folder)
    refuse_below(judge(read_scores(folder), gates), release)
    with locked(layout.releases):
        pointer, log = read_pointer(layout.releases), promotions(layout.releases)
        current = pointer.release if pointer else None
        pinned = bool(log and log[-1].hold)
        tried = pointer is not None and pointer.canary is not None
        if current is not None and (pinned or tried) and automatic:
            return Outcome(release=current, candidate=release, changed=False, held=release != current)
        if current == release and pinned == hold:
            return Outcome(release=release, candidate=release, changed=False)
        stays = pointer if current == release else None
        promotion = Promotion(
            at=at or datetime.now(UTC),
            by=by,
            reason=reason,
            previous=current,
            release=release,
            hold=hold,
            canary=stays.canary if stays else None,
            shadow=stays.shadow if stays else None,
        )
        move(layout.releases, promotion)
    return Outcome(release=release, candidate=release, changed=current != release)


def refuse_below(verdicts: tuple[Verdict, ...], release: str) -> None:
    """Nothing, if every gate passed.

    Raises:
        GatesFailed: naming every gate that did not, with its value and threshold.
    """
    failed = [f"{v.name} is {v.value:.4g}, the gate is {v.threshold:.4g}. {v.detail}" for v in verdicts if not v.passed]
    if failed:
        raise GatesFailed(f"Release {release} is not promoted.\n" + "\n".join(failed))


def _manifest(staging: Path, scores: Scores, evaluation_sha256: str, gates: Gates) -> Manifest:
    training, fitted = read_record(staging / ADAPTER), train_retriever.read_record(staging / RETRIEVER)
    catalog = load(staging / "catalog")
    if catalog.sha256 != scores.inputs.catalog_sha256:
        raise ReleaseMismatch(
            "The catalogue is no longer the one that was evaluated; materialise evaluation/golden_set_evaluation."
        )
    if catalog.sha256 != fitted.catalog_sha256:
        raise ReleaseMismatch("The retriever was fitted on another catalogue; materialise training/retriever.")
    score = scores.systems[MAPPER].get(GATED)
    files = sorted(path for path in staging.rglob("*") if path.is_file())
    return Manifest(
        base_model=training.base_model,
        adapter_sha256=scores.inputs.adapter_sha256,
        adapter_rank=training.base.rank,
        retriever_sha256=fitted.retriever_sha256,
        dataset_sha256=training.dataset_sha256,
        catalog_sha256=catalog.sha256,
        evaluation_sha256=evaluation_sha256,
        taxonomy_version=catalog.taxonomy.version,
        frameworks_version=catalog.frameworks.version,
        prompt_version=scores.inputs.prompt_version,
        trust=scores.trust,
        scores={"f1": score.f1, "ece": score.ece, "cases": float(score.cases)} if score else {},
        gates={verdict.name: verdict.passed for verdict in judge(scores, gates)},
        libraries={**fitted.libraries, **training.libraries},
        seed=training.seed,
        files={path.relative_to(staging).as_posix(): sha256_file(path) for path in files},
    )


def _lessons(folder: str, names: list[str]) -> list[str]:
    """What of the catalogue nothing reads at run time."""
    return [name for name in names if Path(folder).name == "taxonomy" and name == "lexicon"]


def _publish(staging: Path, folder: Path) -> str:
    """Give a complete release its name in one step; one that is there already stays as it is."""
    for path in staging.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
    staging.chmod(0o755)
    if not folder.exists():
        try:
            os.rename(staging, folder)  # noqa: PTH104  (Path.rename would do; os.rename states the atomicity)
        except OSError:
            if not folder.exists():
                raise
    verify(folder)
    return folder.name


def _expect(path: Path, sha256: str) -> None:
    if not path.is_file():
        raise ReleaseMissing(f"{path} is not there; materialise the asset that makes it again.")
    if sha256_file(path) != sha256:
        raise ReleaseCorrupt(f"{path} is not what was evaluated; materialise the asset that makes it again.")
