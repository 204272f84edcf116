"""Evaluates a mapper on the golden set: the whole of it, either voice alone, and the rivals.

The adapter is the one to be released. Retriever and rivals are fitted here, on the lessons without anything held out:
the released retriever knows every label and could not be examined.

Run as `python -m mapper_assets.evaluation.evaluate --adapter <sha256>`, or by Dagster Pipes with the same
names as extras. Nothing here decides whether the result is good enough: that is `mapper_assets.gates`.
"""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mapper_assets.evaluation.answers import known_answers
from mapper_assets.evaluation.ask import Retriever, Scorer, Timing, ask
from mapper_assets.evaluation.assess import assess
from mapper_assets.evaluation.exam import Exam, prepare
from mapper_assets.evaluation.figures import draw as draw_figures
from mapper_assets.evaluation.folds.scores import FoldScores
from mapper_assets.evaluation.folds.store import elsewhere, find
from mapper_assets.evaluation.folds.summary import summary as folds_summary
from mapper_assets.evaluation.nonsense import SHARE, everyday, held, invent, refusals
from mapper_assets.evaluation.page import html, markdown
from mapper_assets.evaluation.predict import candidates, examine, held_out, mapper_answers, outcomes
from mapper_assets.evaluation.rivals import Rival, examples, train
from mapper_assets.evaluation.sampling import BUDGETS, draw
from mapper_assets.evaluation.scores import ANSWERS, PAGE, PREDICTIONS, SUMMARY, Inputs, Scores
from mapper_assets.evaluation.summary import summary
from mapper_assets.evaluation.trust import calibrate, firings, reliability, spelling_firings, trust
from mapper_assets.evaluation.validity import check
from mapper_assets.evaluation.write import lines, prediction_lines, write
from mapper_assets.training import dataset, profiles, splits
from mapper_assets.training.embeddings import Remembering
from mapper_assets.training.lessons import fewer
from mapper_assets.training.session import Report, session
from mapper_assets.training.train_lora import Training, read_record
from mapper_domain.catalog import load
from mapper_domain.errors import MapperError
from mapper_domain.layout import Layout
from mapper_domain.lexicon import load as read_lexicon
from mapper_domain.prompt import PROMPT_VERSION
from mapper_domain.release import sha256_text
from mapper_domain.rules import RuleMapper
from mapper_domain.value import Value


class EvaluationError(MapperError):
    """The evaluation cannot start: an unknown profile, or an adapter made from another dataset."""


class Evaluate(Value):
    """Evaluate an adapter.

    Attributes:
        root: the catalogue root, with the golden set below it.
        artifacts: the artefact root.
        adapter: SHA-256 of the adapter's weights.
        profile: name of a budget of model calls: tiny, default or full.
        calls: another number of model calls than the profile's; 0 for the profile's own.
        lessons: another number of the lexicon's lessons for retriever and rivals than the one the adapter's budget
            says; 0 for that one.
        seed: the dataset's; also of the samples and the bootstrap. The split does not depend on it.
        threads: compute threads; 0 for all cores.
    """

    root: Path = Path()
    artifacts: Path = Path("artifacts")
    adapter: str
    profile: str = "default"
    calls: int = 0
    lessons: int = 0
    seed: int = splits.DEFAULT_SEED
    threads: int = 0


class Evaluation(NamedTuple):
    """What came out: scores, the files beside them by name, and how long the model took."""

    scores: Scores
    texts: Mapping[str, str]
    pictures: Mapping[str, bytes]
    timing: Timing


def evaluate(
    exam: Exam,
    adapter: Scorer,
    retriever: Retriever,
    rivals: Mapping[str, Rival],
    *,
    inputs: Inputs,
    calls: int,
    log: Callable[[str], None],
    crossed: FoldScores | None = None,
) -> Evaluation:
    """Score every system on the golden set and fit what the release will trust.

    Args:
        adapter: the adapted language model.
        retriever: fitted without anything held out, as are the rivals, by name.
        inputs: what is evaluated, for the record; its seed draws samples and resamples.
        calls: how many distinct questions may be put to the adapter.
        crossed: a cross-validation of the same catalogue, for what rests on all detectors.
    """
    examined = examine(exam.cases, exam.known, exam.catalog)
    invented = invent(inputs.seed)
    words = everyday(inputs.seed)
    senseless = [nonsense.question for nonsense in (*invented, *words)]
    few = senseless[: min(int(SHARE * calls), len(invented))]
    sample = draw(candidates(examined), calls - len(few), inputs.seed)
    chosen = {e.question.instruction: e.question for e in examined if e.question.instruction in set(sample.questions)}
    questions = [*chosen.values(), *(question for question in few if question.instruction not in chosen)]
    log(f"{len(examined)} golden cases are scored; the adapter is asked {len(questions)} questions.")
    asked = ask(adapter, retriever, questions, [*(e.question for e in examined), *senseless], log)

    cases = [*held_out(examined, asked.opinions), *held(invented, asked.opinions)]
    calibration = calibrate(cases, *elsewhere(crossed, exam.held_out))
    fired = (*firings(exam.catalog, exam.folds), *spelling_firings(RuleMapper(exam.known), exam.cases))
    reported = trust(calibration.fit.shipped, reliability(fired, without=exam.held_out), calibration.limits)
    answers = mapper_answers(examined, asked.opinions, calibration, reported)
    log("Scoring the mapper, its voices and the rivals.")
    found = outcomes(examined, answers, asked.opinions, sample.weights, calibration, rivals)

    rules = reliability(fired)
    shipped = trust(calibration.fit.shipped, rules, calibration.limits)
    texts = {
        PREDICTIONS: prediction_lines(found, examined, answers),
        ANSWERS: lines(known_answers(exam.catalog, asked.opinions, shipped)),
    }
    scores = assess(
        found,
        answers,
        inputs=inputs,
        golden=exam.golden,
        calibration=calibration,
        rules=rules,
        validity=check(
            ((a.examined.case.detector, a.answer) for a in answers), exam.schema, exam.catalog.taxonomy.names
        ),
        refused=refusals(invented, exam.known, asked.opinions, calibration, reported),
        everyday=refusals(words, exam.known, asked.opinions, calibration, reported),
        model_calls=asked.timing.questions,
        files={name: sha256_text(text) for name, text in texts.items()},
    )
    log("Drawing figures.")
    pictures = draw_figures(scores)
    page = summary(scores, answers)
    if crossed is not None:
        page = page.followed_by(folds_summary(crossed))
    pages = {SUMMARY: markdown(page), PAGE: html(page, pictures)}
    return Evaluation(scores, {**texts, **pages}, pictures, asked.timing)


def run(parameters: Evaluate, report: Report) -> str:
    """Evaluate a mapper, store what came out and return the SHA-256 (hex) it is named by.

    Raises:
        EvaluationError: when the profile is unknown or the adapter was trained on another dataset.
        TrainingError: when there is no such adapter.
        CatalogError, GoldenError, SchemaMissing: when the reviewed files cannot be used.
    """
    if parameters.profile not in BUDGETS:
        raise EvaluationError(f"{parameters.profile!r} is no profile. Known: {', '.join(BUDGETS)}.")
    from mapper_assets.training.sentences import tuned
    from mapper_assets.training.train_retriever import fit
    from mapper_model.encoder import SentenceEncoder
    from mapper_model.scorer import LabelScorer

    started = time.monotonic()
    layout = Layout(parameters.artifacts)
    folder = layout.adapter(parameters.adapter)
    record = read_record(folder)
    catalog = load(parameters.root)
    lexicon = read_lexicon(parameters.root, catalog.taxonomy, catalog.detectors)
    plan = splits.plan(catalog)
    exam = prepare(parameters.root, catalog, plan)
    rows = dataset.build(catalog, lexicon, plan, exam.cases, profile=record.budget.name, seed=parameters.seed)
    _same_dataset(record, rows)
    labels = [label.name for label in catalog.taxonomy.labels]
    threads = parameters.threads or os.cpu_count() or 1
    report.log(f"Loading {record.base_model.name} with adapter {parameters.adapter[:16]}, {threads} threads.")
    adapter = LabelScorer.load(layout.base_model(record.base_model.name), folder, labels, threads=threads)
    taught = dataset.lessons_of(catalog, lexicon, plan, exam.cases, seed=parameters.seed)
    most = parameters.lessons or profiles.BUDGETS[record.budget.name].lessons
    learnt = fewer(taught, most, parameters.seed)
    report.log(f"Fitting a retriever and the rivals on {len(learnt)} lessons without what is held out.")
    steps = profiles.BUDGETS[record.budget.name].sentence_steps
    meaning = tuned(learnt, labels, layout, steps=steps, seed=parameters.seed, threads=threads, log=report.log)
    retriever = fit(learnt, labels, meaning, seed=parameters.seed, threads=threads)
    rivals = train(examples(learnt), Remembering(SentenceEncoder.installed(), layout.embeddings))
    crossed = find(layout, catalog, lexicon)
    inputs = Inputs(
        adapter_sha256=parameters.adapter,
        base_model=record.base_model.name,
        dataset_sha256=record.dataset_sha256,
        catalog_sha256=catalog.sha256,
        taxonomy_version=catalog.taxonomy.version,
        prompt_version=PROMPT_VERSION,
        profile=parameters.profile,
        seed=parameters.seed,
        retriever_lessons=len(learnt),
        cross_validation=crossed[0] if crossed else "",
        held_out=plan.held_out,
    )
    found = evaluate(
        exam,
        adapter,
        retriever,
        rivals,
        inputs=inputs,
        calls=parameters.calls or BUDGETS[parameters.profile].calls,
        log=report.log,
        crossed=crossed[1] if crossed else None,
    )
    timing = found.timing.model_copy(update={"total": round(time.monotonic() - started, 1)})
    sha256, written = write(found.scores, found.texts, found.pictures, timing, layout)
    report.log(f"Evaluation {sha256[:16]} is in {written}.")
    report.result({"sha256": sha256, "folder": str(written), **_headline(found)})
    return sha256


def _same_dataset(record: Training, rows: Sequence[dataset.Example]) -> None:
    """Refuse an adapter trained on other rows than these: it may know what is held out."""
    if (sha256 := sha256_text(dataset.text(rows))) != record.dataset_sha256:
        raise EvaluationError(
            f"Adapter {record.adapter_sha256[:16]} was trained on dataset {record.dataset_sha256[:16]}, but catalogue, "
            f"golden set and seed give {sha256[:16]}. Train again, or use the seed of its dataset."
        )


def _headline(found: Evaluation) -> dict[str, object]:
    """A few numbers for whoever watches."""
    scores = found.scores
    return {
        **{f"{system}_f1_{split}": s.f1 for system, by in scores.systems.items() for split, s in by.items()},
        **{f"{system}_first_{split}": s.f1 for system, by in scores.first.items() for split, s in by.items()},
        "weight_of_adapter": scores.trust.weights.together["adapter"],
        "weight_of_retriever": scores.trust.weights.together["retriever"],
        "threshold": scores.trust.threshold,
        "safe_threshold": scores.trust.safe_threshold,
        "model_calls": scores.model_calls,
        "seconds_per_model_call": found.timing.median,
    }


def main(argv: list[str] | None = None) -> None:
    """Entry point, under Dagster Pipes or by hand."""
    with session(Evaluate, argv) as (parameters, report):
        run(parameters, report)


if __name__ == "__main__":
    main()
