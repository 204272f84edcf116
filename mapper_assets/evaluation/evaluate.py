"""Evaluates an adapter on the golden set: the whole mapper, the adapter alone and three rivals.

Run as `python -m mapper_assets.evaluation.evaluate --adapter <sha256>`, or by Dagster Pipes with the same
names as extras. Nothing here decides whether the result is good enough: that is `mapper_assets.gates`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mapper_assets.evaluation.answers import known_answers
from mapper_assets.evaluation.ask import Scorer, Timing, ask
from mapper_assets.evaluation.assess import assess
from mapper_assets.evaluation.exam import Exam
from mapper_assets.evaluation.figures import draw as draw_figures
from mapper_assets.evaluation.predict import candidates, examine, held_out, mapper_answers, outcomes
from mapper_assets.evaluation.rivals import Rival
from mapper_assets.evaluation.sampling import draw
from mapper_assets.evaluation.scores import ANSWERS, PREDICTIONS, SUMMARY, Inputs, Scores
from mapper_assets.evaluation.summary import summary
from mapper_assets.evaluation.trust import calibrate, firings, reliability, spelling_firings, trust
from mapper_assets.evaluation.validity import check
from mapper_assets.evaluation.write import lines, prediction_lines
from mapper_domain.release import sha256_text
from mapper_domain.rules import RuleMapper


class Evaluation(NamedTuple):
    """What came out: scores, the files beside them by name, and how long the model took."""

    scores: Scores
    texts: Mapping[str, str]
    pictures: Mapping[str, bytes]
    timing: Timing


def evaluate(
    exam: Exam,
    scorer: Scorer,
    rivals: Mapping[str, Rival],
    *,
    inputs: Inputs,
    calls: int,
    log: Callable[[str], None],
) -> Evaluation:
    """Score every system on the golden set and fit what the release will trust.

    Args:
        scorer: the adapted model.
        rivals: by name, trained on the adapter's training rows.
        inputs: what is evaluated, for the record; its seed draws samples and resamples.
        calls: how many distinct questions may be put to the model.
    """
    examined = examine(exam.cases, exam.known, exam.catalog)
    sample = draw(candidates(examined), calls, inputs.seed)
    log(f"{len(examined)} golden cases are scored; the model is asked {len(sample.questions)} questions.")
    asked = ask(scorer, sample.questions, log)

    calibration = calibrate(held_out(examined, asked.logprobs))
    fired = (*firings(exam.catalog, exam.folds), *spelling_firings(RuleMapper(exam.known), exam.cases))
    reported = trust(calibration.fit.shipped, reliability(fired, without=exam.held_out))
    answers = mapper_answers(examined, asked.logprobs, sample.weights, calibration, reported)
    log("Scoring the mapper, the adapter alone and the rivals.")
    found = outcomes(examined, answers, asked.logprobs, sample.weights, calibration, rivals)

    rules = reliability(fired)
    shipped = trust(calibration.fit.shipped, rules)
    texts = {
        PREDICTIONS: prediction_lines(found, examined, answers),
        ANSWERS: lines(known_answers(exam.catalog, asked.logprobs, shipped)),
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
        logprobs=asked.logprobs,
        files={name: sha256_text(text) for name, text in texts.items()},
    )
    log("Drawing figures.")
    page = summary(scores, answers)
    return Evaluation(scores, {**texts, SUMMARY: page}, draw_figures(scores), asked.timing)
