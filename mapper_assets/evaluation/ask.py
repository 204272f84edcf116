"""Puts questions to the model, saying how far it is, and keeps how long each took."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from mapper_domain.value import Value

PROGRESS_SECONDS = 10.0
DIGITS = 6
"""Decimals of a log-probability that are kept: beyond them thread counts and processors differ."""


class Scorer(Protocol):
    """Anything that gives the log-probability of every label (`mapper_model.scorer.LabelScorer`)."""

    def score(self, questions: Sequence[str]) -> list[dict[str, float]]:
        """Natural-log probabilities by label for each question."""


class Timing(Value):
    """How long the model took; kept apart from the scores, which must not depend on it.

    Attributes:
        seconds: in all.
        median: per question.
    """

    questions: int
    seconds: float
    median: float


class Asked(NamedTuple):
    """Log-probabilities by question, and what it took."""

    logprobs: Mapping[str, Mapping[str, float]]
    timing: Timing


def ask(scorer: Scorer, questions: Sequence[str], log: Callable[[str], None]) -> Asked:
    """Ask every question once, in order, with a line about every ten seconds."""
    logprobs: dict[str, Mapping[str, float]] = {}
    durations: list[float] = []
    said = time.monotonic()
    for number, question in enumerate(questions, start=1):
        begun = time.monotonic()
        (scores,) = scorer.score([question])
        durations.append(time.monotonic() - begun)
        logprobs[question] = {label: round(value, DIGITS) for label, value in scores.items()}
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            left = statistics.median(durations) * (len(questions) - number)
            log(f"Asked the model {number} of {len(questions)} questions, about {left:.0f} s left.")
    return Asked(
        logprobs,
        Timing(
            questions=len(questions),
            seconds=round(sum(durations), 1),
            median=round(statistics.median(durations), 4) if durations else 0.0,
        ),
    )
