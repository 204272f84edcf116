"""Puts questions to the voices, saying how far the slow one is, and keeps how long each of its answers took."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from mapper_domain.question import Question
from mapper_domain.value import Value
from mapper_domain.voices import LogProbs, Opinion

PROGRESS_SECONDS = 10.0
DIGITS = 6
"""Decimals of a log-probability that are kept: beyond them thread counts and processors differ."""


class Scorer(Protocol):
    """Anything that gives the log-probability of every label (`mapper_model.scorer.LabelScorer`)."""

    def score(self, questions: Sequence[str]) -> list[dict[str, float]]:
        """Natural-log probabilities by label for each question."""


class Retriever(Protocol):
    """Anything that gives the same at once for many questions (`mapper_model.retriever.Retriever`)."""

    def score(self, questions: Sequence[Question]) -> list[dict[str, float]]:
        """Natural-log probabilities by label for each question."""


class Timing(Value):
    """How long the adapter took; kept apart from the scores, which must not depend on it.

    Attributes:
        seconds: of the adapter in all.
        median: of the adapter per question.
        total: seconds of the whole evaluation, fits included; 0.0 where nobody measured it.
    """

    questions: int
    seconds: float
    median: float
    total: float = 0.0


class Asked(NamedTuple):
    """Opinions by instruction, and what the adapter's took."""

    opinions: Mapping[str, Opinion]
    timing: Timing


def ask(
    adapter: Scorer,
    retriever: Retriever,
    questions: Sequence[Question],
    others: Sequence[Question],
    log: Callable[[str], None],
) -> Asked:
    """Put questions to the voices, each once and in order, with a line about every ten seconds.

    Args:
        questions: for both voices, distinct.
        others: for the retriever alone.
    """
    distinct = {question.instruction: question for question in (*questions, *others)}
    retrieved = zip(distinct, retriever.score(list(distinct.values())), strict=True)
    opinions: dict[str, Opinion] = {instruction: {"retriever": rounded(found)} for instruction, found in retrieved}
    durations: list[float] = []
    said = time.monotonic()
    for number, question in enumerate(questions, start=1):
        begun = time.monotonic()
        (adapted,) = adapter.score([question.instruction])
        durations.append(time.monotonic() - begun)
        opinions[question.instruction] = {**opinions[question.instruction], "adapter": rounded(adapted)}
        if time.monotonic() - said >= PROGRESS_SECONDS:
            said = time.monotonic()
            left = statistics.median(durations) * (len(questions) - number)
            log(f"Asked the adapter {number} of {len(questions)} questions, about {left:.0f} s left.")
    return Asked(
        opinions,
        Timing(
            questions=len(questions),
            seconds=round(sum(durations), 1),
            median=round(statistics.median(durations), 4) if durations else 0.0,
        ),
    )


def rounded(said: LogProbs) -> dict[str, float]:
    """The same to as many decimals as are kept."""
    return {label: round(float(value), DIGITS) for label, value in said.items()}
