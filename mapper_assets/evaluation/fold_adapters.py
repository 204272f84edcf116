"""Trains an adapter for each fold, without it, and asks it about the fold; the cross-validation then hears both voices.

`python -m mapper_assets.evaluation.fold_adapters` does what is missing for the reviewed files as they are, fold after
fold, and can be killed and started again: trainings resume, and what an adapter said is kept. It takes about one
training for each fold; nothing else waits for it.
"""

import os
from pathlib import Path

from mapper_assets.evaluation.crossvalidate import folds_of
from mapper_assets.evaluation.folds.adapters import FoldAdapter, keep, kept, question_fold
from mapper_assets.evaluation.folds.store import lexicon_sha256
from mapper_assets.evaluation.nonsense import invent
from mapper_assets.training import dataset, splits
from mapper_assets.training.golden import GoldenCase, generate
from mapper_assets.training.prepare_base import DEFAULT_BASE, BaseModelError, read_source
from mapper_assets.training.reuse import trained_before
from mapper_assets.training.session import Report, session
from mapper_assets.training.train_lora import Training, TrainLora, train
from mapper_domain.catalog import Catalog, load
from mapper_domain.layout import Layout
from mapper_domain.lexicon import Lexicon
from mapper_domain.lexicon import load as read_lexicon
from mapper_domain.value import Value


class TrainFoldAdapters(Value):
    """Train an adapter without each fold and keep what it says about the fold.

    Attributes:
        root: the catalogue root.
        artifacts: the artefact root.
        folds: names of folds, separated by commas; empty for all of them, the shipped one first.
        base: name of a base profile.
        profile: name of a training budget.
        seed: of dataset and training.
        threads: compute threads; 0 for all cores.
    """

    root: Path = Path()
    artifacts: Path = Path("artifacts")
    folds: str = ""
    base: str = DEFAULT_BASE
    profile: str = "default"
    seed: int = splits.DEFAULT_SEED
    threads: int = 0


def run(parameters: TrainFoldAdapters, report: Report) -> tuple[str, ...]:
    """Do what is missing; returns the names of the folds an adapter was heard for.

    Raises:
        BaseModelError: when the base model was not prepared.
        TrainingError: when a training cannot start.
        CatalogError: when the reviewed files cannot be used.
        UnknownFold: when a fold is named that does not exist.
    """
    layout, catalog = Layout(parameters.artifacts), load(parameters.root)
    lexicon = read_lexicon(parameters.root, catalog.taxonomy, catalog.detectors)
    shipped = splits.folds().shipped
    wanted = [name.strip() for name in parameters.folds.split(",") if name.strip()] or sorted(
        splits.folds().folds, key=lambda name: (name != shipped, name)
    )
    done = kept(layout, catalog, lexicon)
    for fold in wanted:
        if fold in done:
            report.log(f"Fold {fold}: heard before.")
            continue
        made = _trained(fold, catalog, lexicon, layout, parameters, report)
        _hear(fold, made, catalog, lexicon, layout, parameters, report)
    heard = tuple(sorted(kept(layout, catalog, lexicon)))
    report.result({"folds": list(heard)})
    return heard


def _trained(
    fold: str, catalog: Catalog, lexicon: Lexicon, layout: Layout, parameters: TrainFoldAdapters, report: Report
) -> Training:
    """The adapter without a fold, trained now or before."""
    plan = splits.plan(catalog, fold=fold)
    golden: tuple[GoldenCase, ...] = generate(catalog, plan)
    rows = dataset.build(catalog, lexicon, plan, golden, profile=parameters.profile, seed=parameters.seed)
    sha256, _ = dataset.write(rows, layout)
    wanted = TrainLora(
        artifacts=parameters.artifacts,
        dataset=sha256,
        base=parameters.base,
        profile=parameters.profile,
        seed=parameters.seed,
        threads=parameters.threads,
    )
    source = read_source(layout.base_model(parameters.base))
    if source is None:
        raise BaseModelError("There is no intact base model. Run: python -m mapper_assets.training.prepare_base")
    report.log(f"Fold {fold}: {len(rows)} rows without {len(plan.held_out)} detectors.")
    return trained_before(wanted, source.sha256) or train(wanted, report)


def _hear(
    fold: str,
    made: Training,
    catalog: Catalog,
    lexicon: Lexicon,
    layout: Layout,
    parameters: TrainFoldAdapters,
    report: Report,
) -> None:
    from mapper_model.scorer import LabelScorer

    labels = [label.name for label in catalog.taxonomy.labels]
    threads = parameters.threads or os.cpu_count() or 1
    base, adapter = layout.base_model(parameters.base), layout.adapter(made.adapter_sha256)
    scorer = LabelScorer.load(base, adapter, labels, threads=threads)
    invented = invent(parameters.seed)
    said = question_fold(scorer, catalog, folds_of(catalog)[fold], invented, report.log)
    record = FoldAdapter(
        fold=fold,
        adapter_sha256=made.adapter_sha256,
        catalog_sha256=catalog.sha256,
        lexicon_sha256=lexicon_sha256(lexicon),
        seconds=made.seconds,
    )
    folder = keep(record, said, labels, layout)
    report.log(f"Fold {fold}: what adapter {made.adapter_sha256[:16]} said is in {folder}.")


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    with session(TrainFoldAdapters, argv) as (parameters, report):
        run(parameters, report)


if __name__ == "__main__":
    main()
