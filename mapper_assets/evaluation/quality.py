"""Prints everything that was measured about the mapper, and says whether it is worth having.

`python -m mapper_assets.evaluation.quality` reads the cross-validation and the golden-set evaluation of the reviewed
files as they are, makes what is missing, and ends with status 1 where the mapper names fewer right labels than the
best rival on detectors nobody has seen. Numbers repeat exactly on one machine with the same number of threads.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import ValidationError

from mapper_assets.evaluation import crossvalidate, evaluate
from mapper_assets.evaluation.ask import Timing
from mapper_assets.evaluation.folds.held import WAYS
from mapper_assets.evaluation.folds.scores import FoldScores
from mapper_assets.evaluation.folds.store import find
from mapper_assets.evaluation.folds.store import read as read_folds
from mapper_assets.evaluation.folds.summary import verdicts
from mapper_assets.evaluation.scores import MAPPER, SCORES, SUMMARY, TIMING, TITLES, Scores
from mapper_assets.gates import Gates, judge
from mapper_assets.training import dataset, prepare_base, splits, train_lora
from mapper_assets.training.duration import retrain_seconds
from mapper_assets.training.golden import FOLDER, read
from mapper_assets.training.profiles import BASES
from mapper_assets.training.reuse import trained_before
from mapper_assets.training.session import Report, session
from mapper_domain.catalog import load
from mapper_domain.layout import Layout
from mapper_domain.lexicon import load as read_lexicon
from mapper_domain.value import Value

TOLERANCE = 0.005
"""By how much a macro figure may differ between machines, processors and numbers of threads."""


class Quality(Value):
    """Print what was measured, measuring what is missing.

    Attributes:
        root: the catalogue root.
        artifacts: the artefact root.
        profile: name of the budgets of training and evaluation.
        base: name of a base profile.
        seed: of everything that is drawn.
        threads: compute threads; 0 for all cores.
    """

    root: Path = Path()
    artifacts: Path = Path("artifacts")
    profile: Literal["tiny", "default", "full"] = "default"
    base: str = prepare_base.DEFAULT_BASE
    seed: int = splits.DEFAULT_SEED
    threads: int = 0


class Measured(NamedTuple):
    """What there is to print: scores and pages of both evaluations, and seconds of a full retrain by step."""

    crossed: FoldScores
    crossed_page: str
    golden: Scores
    golden_page: str
    seconds: dict[str, float]


def shortcomings(crossed: FoldScores, golden: Scores) -> list[str]:
    """Where the best rival is better on detectors nobody has seen; empty when it is nowhere."""
    found = []
    strict = crossed.settings["strict"]
    for way in WAYS:
        rival, theirs = strict.best_rival(way)
        ours = strict.standings[way][MAPPER]
        if ours.fold_mean < theirs.fold_mean:
            found.append(
                f"Folds, {way}: the mapper's {ours.fold_mean:.3f} is below {theirs.fold_mean:.3f} of {TITLES[rival]}."
            )
    verdict = next(v for v in judge(golden, Gates()) if v.name == "gain_over_rivals")
    if not verdict.passed:
        found.append(f"Golden set: {verdict.value:+.3f}. {verdict.detail}")
    return found


def report_lines(found: Measured) -> Iterator[str]:
    """The whole page."""
    yield found.crossed_page
    yield found.golden_page
    yield "## Gates\n"
    for verdict in judge(found.golden, Gates()):
        state = "passed" if verdict.passed else "FAILED"
        yield f"- {state}: {verdict.name} {verdict.value:.4g}, threshold {verdict.threshold:.4g}. {verdict.detail}"
    yield "\n## Seconds of a full retrain\n"
    yield from (f"- {step}: {seconds:.0f} s" for step, seconds in found.seconds.items())
    yield "\n## Verdict\n"
    yield from (f"- {sentence}" for sentence in verdicts(found.crossed))
    yield (
        f"\nMacro figures repeat exactly on one machine with the same number of threads, and within {TOLERANCE} "
        "between machines."
    )


def measure(parameters: Quality, report: Report) -> Measured:
    """Read what was measured about the reviewed files as they are, and measure what is missing.

    Raises:
        CatalogError, GoldenError: when the reviewed files cannot be used.
        BaseModelError, TrainingError: when there is no base model to train on.
    """
    layout, catalog = Layout(parameters.artifacts), load(parameters.root)
    lexicon = read_lexicon(parameters.root, catalog.taxonomy, catalog.detectors)
    common = {"root": parameters.root, "artifacts": parameters.artifacts, "seed": parameters.seed}
    threads = {"threads": parameters.threads}
    if crossed := find(layout, catalog, lexicon):
        crossed_sha256, folds = crossed
    else:
        report.log("No cross-validation of these files yet; it takes some minutes.")
        crossed_sha256 = crossvalidate.run(crossvalidate.CrossValidate.model_validate(common | threads), report)
        folds = read_folds(layout, crossed_sha256)
    sha256, adapter = _adapter(parameters, layout, report)
    golden = _golden(layout, sha256, adapter, parameters)
    if golden is None:
        wanted = common | threads | {"adapter": adapter, "profile": parameters.profile}
        golden = layout.evaluation(evaluate.run(evaluate.Evaluate.model_validate(wanted), report))
    timing = Timing.model_validate_json((golden / TIMING).read_bytes())
    retriever = _retriever(parameters, report)
    return Measured(
        crossed=folds,
        crossed_page=(layout.cross_validation(crossed_sha256) / SUMMARY).read_text(),
        golden=Scores.model_validate_json((golden / SCORES).read_bytes()),
        golden_page=(golden / SUMMARY).read_text(),
        seconds=retrain_seconds(layout, dataset=sha256, retriever=retriever, adapter=adapter, evaluation=timing.total),
    )


def _adapter(parameters: Quality, layout: Layout, report: Report) -> tuple[str, str]:
    """SHA-256 of the dataset and of the adapter of these files, made where they are missing."""
    started = time.monotonic()
    catalog = load(parameters.root)
    lexicon = read_lexicon(parameters.root, catalog.taxonomy, catalog.detectors)
    rows = dataset.build(
        catalog,
        lexicon,
        splits.plan(catalog),
        read(parameters.root / FOLDER),
        profile=parameters.profile,
        seed=parameters.seed,
    )
    sha256, path = dataset.write(rows, layout)
    if not path.with_suffix(".json").exists():
        made = dataset.Made(
            sha256=sha256,
            profile=parameters.profile,
            seed=parameters.seed,
            rows=len(rows),
            seconds=round(time.monotonic() - started, 1),
        )
        dataset.note(made, layout)
    source = prepare_base.prepare(BASES[parameters.base], layout, log=report.log)
    wanted = train_lora.TrainLora(
        artifacts=parameters.artifacts,
        dataset=sha256,
        base=parameters.base,
        profile=parameters.profile,
        seed=parameters.seed,
        threads=parameters.threads,
    )
    trained = trained_before(wanted, source.sha256) or train_lora.train(wanted, report)
    return sha256, trained.adapter_sha256


def _retriever(parameters: Quality, report: Report) -> str:
    """SHA-256 of the retriever fitted on everything, made where it is missing."""
    from mapper_assets.training.train_retriever import TrainRetriever, train

    wanted = TrainRetriever(
        root=parameters.root,
        artifacts=parameters.artifacts,
        profile=parameters.profile,
        seed=parameters.seed,
        threads=parameters.threads,
    )
    return train(wanted, report).retriever_sha256


def _golden(layout: Layout, dataset_sha256: str, adapter: str, parameters: Quality) -> Path | None:
    """Folder of the newest evaluation of this adapter with this profile and seed."""
    places = layout.evaluation("x").parent.glob(f"[!.]*/{SCORES}")
    for path in sorted(places, key=lambda path: (-path.stat().st_mtime_ns, path)):
        try:
            scores = Scores.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue
        found, wanted = scores.inputs, (adapter, dataset_sha256, parameters.profile, parameters.seed)
        if (found.adapter_sha256, found.dataset_sha256, found.profile, found.seed) == wanted:
            return path.parent
    return None


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    with session(Quality, argv) as (parameters, report):
        found = measure(parameters, report)
        for line in report_lines(found):
            report.log(line)
        if lacking := shortcomings(found.crossed, found.golden):
            sys.stderr.write(
                "\n".join(("The mapper is worse than the best rival on unseen detectors:", *lacking)) + "\n"
            )
            raise SystemExit(1)


if __name__ == "__main__":
    main()
