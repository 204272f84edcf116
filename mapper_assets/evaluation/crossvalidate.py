"""Leave-detectors-out cross-validation of the mapper and its rivals, over all detectors of the catalogue.

Run as `python -m mapper_assets.evaluation.crossvalidate`, or by Dagster Pipes with the same names as extras. For each
fold the mapper is rules, a retriever fitted without the fold, and an adapter trained without it where
`mapper_assets.evaluation.fold_adapters` made one.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from mapper_assets.evaluation.figures import draw_folds
from mapper_assets.evaluation.folds.adapters import AdapterOpinions, kept
from mapper_assets.evaluation.folds.assess import FoldOpinions, assess, fitted
from mapper_assets.evaluation.folds.held import Setting
from mapper_assets.evaluation.folds.learn import Fit, FoldAnswers, Retriever, answer_fold
from mapper_assets.evaluation.folds.scores import OPINIONS, FoldInputs, FoldScores
from mapper_assets.evaluation.folds.store import lexicon_sha256, packed, write
from mapper_assets.evaluation.folds.summary import WAY_NAMES, summary
from mapper_assets.evaluation.nonsense import invent
from mapper_assets.evaluation.page import html, markdown
from mapper_assets.evaluation.scores import PAGE, SUMMARY
from mapper_assets.evaluation.trust import firings, reliability
from mapper_assets.training import splits
from mapper_assets.training.embeddings import Encoder, Remembering
from mapper_assets.training.lessons import Lesson
from mapper_assets.training.profiles import BUDGETS
from mapper_assets.training.session import Report, session
from mapper_assets.training.train_retriever import recipe
from mapper_domain.catalog import Catalog, load
from mapper_domain.layout import Layout
from mapper_domain.lexicon import Lexicon
from mapper_domain.lexicon import load as read_lexicon
from mapper_domain.value import Value

STRICT: tuple[Setting, ...] = ("strict",)
BOTH: tuple[Setting, ...] = ("strict", "shipped")


class CrossValidate(Value):
    """Cross-validate over the folds of `mapper_assets/training/folds.yaml`.

    Attributes:
        root: the catalogue root.
        artifacts: the artefact root.
        settings: `strict`: the lexicon without the held-out strings; `both`: the lexicon as shipped as well.
        profile: name of the budget of the sentence classifiers.
        seed: of lessons, retrievers and the bootstrap.
        threads: compute threads; 0 for all cores.
    """

    root: Path = Path()
    artifacts: Path = Path("artifacts")
    settings: Literal["strict", "both"] = "both"
    profile: Literal["tiny", "default", "full"] = "default"
    seed: int = splits.DEFAULT_SEED
    threads: int = 0


def cross_validate(
    catalog: Catalog,
    lexicon: Lexicon,
    folds: Mapping[str, frozenset[str]],
    *,
    fit: Fit,
    encoder: Encoder,
    settings: Sequence[Setting] = BOTH,
    adapters: Mapping[str, AdapterOpinions] | None = None,
    seed: int,
    log: Callable[[str], None],
) -> tuple[FoldScores, dict[str, bytes]]:
    """Scores of all folds, and the files beside them.

    Args:
        folds: detectors by fold.
        fit: makes a retriever of lessons.
        encoder: of the rivals.
        settings: which states of the lexicon; `strict` is always among them.
        adapters: what adapters said about folds they never saw, by fold.
        seed: of lessons and bootstrap.
    """
    invented, spoke = invent(seed), adapters or {}
    fired = firings(catalog, folds.values())
    found: dict[Setting, list[FoldOpinions]] = {}
    for setting in settings:
        answers = [
            answer_fold(
                name,
                detectors,
                setting=setting,
                catalog=catalog,
                lexicon=lexicon,
                seed=seed,
                invented=invented,
                fit=fit,
                encoder=encoder,
                log=log,
            )
            for name, detectors in sorted(folds.items())
        ]
        found[setting] = [_with_adapter(answer, spoke.get(answer.fold)) for answer in answers]
    log("Scoring.")
    weights, bounds = fitted(found["strict"])
    names = {name: tuple(sorted(detectors)) for name, detectors in sorted(folds.items())}
    scores = FoldScores(
        inputs=FoldInputs(
            catalog_sha256=catalog.sha256,
            lexicon_sha256=lexicon_sha256(lexicon),
            taxonomy_version=catalog.taxonomy.version,
            recipe=recipe(),
            seed=seed,
            folds=names,
            adapters={name: opinions.record.adapter_sha256 for name, opinions in sorted(spoke.items())},
        ),
        settings={
            setting: assess(opinions, catalog, names, fired, invented, seed=seed) for setting, opinions in found.items()
        },
        weights=weights,
        threshold=bounds.answer,
        safe_threshold=bounds.safe,
        rules=reliability(fired),
    )
    pictures = draw_folds(
        {f"mapper, {WAY_NAMES[way]}": bins for way, bins in scores.settings["strict"].reliability.items()},
        scores.settings["strict"].risk_coverage,
    )
    page = summary(scores)
    return scores, {
        OPINIONS: _archive(found["strict"], [label.name for label in catalog.taxonomy.labels]),
        SUMMARY: markdown(page).encode(),
        PAGE: html(page, pictures).encode(),
        **pictures,
    }


def _with_adapter(answers: FoldAnswers, spoke: AdapterOpinions | None) -> FoldOpinions:
    return FoldOpinions(answers) if spoke is None else FoldOpinions(answers, spoke.opinions, spoke.nonsense)


def _archive(folds: Sequence[FoldOpinions], labels: Sequence[str]) -> bytes:
    said = {f"{f.answers.fold}/{way}": opinions for f in folds for way, opinions in f.answers.opinions.items()}
    return packed(said | {f"{f.answers.fold}/nonsense": f.answers.nonsense for f in folds}, labels)


def folds_of(catalog: Catalog) -> dict[str, frozenset[str]]:
    """The shipped folds, as far as the catalogue has their detectors."""
    shipped = splits.folds()
    return {name: shipped.detectors(name) & catalog.by_name.keys() for name in sorted(shipped.folds)}


def run(parameters: CrossValidate, report: Report) -> str:
    """Cross-validate, store what came out and return the SHA-256 (hex) it is named by.

    Raises:
        CatalogError: when the reviewed files cannot be used.
    """
    from mapper_assets.training.sentences import tuned
    from mapper_assets.training.train_retriever import fit
    from mapper_model.encoder import SentenceEncoder

    layout, catalog = Layout(parameters.artifacts), load(parameters.root)
    lexicon = read_lexicon(parameters.root, catalog.taxonomy, catalog.detectors)
    threads = parameters.threads or os.cpu_count() or 1
    encoder = Remembering(SentenceEncoder.installed(), layout.embeddings)
    steps = BUDGETS[parameters.profile].sentence_steps

    def learner(lessons: Sequence[Lesson], labels: Sequence[str]) -> Retriever:
        meaning = tuned(lessons, labels, layout, steps=steps, seed=parameters.seed, threads=threads, log=report.log)
        return fit(lessons, labels, meaning, seed=parameters.seed, threads=threads)

    scores, files = cross_validate(
        catalog,
        lexicon,
        folds_of(catalog),
        fit=learner,
        encoder=encoder,
        settings=BOTH if parameters.settings == "both" else STRICT,
        adapters=kept(layout, catalog, lexicon),
        seed=parameters.seed,
        log=report.log,
    )
    sha256, folder = write(scores, files, layout)
    report.log(f"Cross-validation {sha256[:16]} is in {folder}.")
    report.result({"sha256": sha256, "folder": str(folder)})
    return sha256


def main(argv: list[str] | None = None) -> None:
    """Entry point, under Dagster Pipes or by hand."""
    with session(CrossValidate, argv) as (parameters, report):
        run(parameters, report)


if __name__ == "__main__":
    main()
