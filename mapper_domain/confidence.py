"""Confidence: how log-probabilities become probabilities, and how far such probabilities can be believed.

Mathematics of numbers between 0 and 1 only. What is right or wrong about a label is `scoring`'s business.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from mapper_domain.value import Value

COOLEST, WARMEST = 0.1, 10.0
"""Limits of a fitted temperature: outside them the data say nothing a user could rely on."""

IMPOSSIBLE = 30.0
"""Negative log-likelihood (nats) of a right label the model cannot give at all."""

_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


class Judged(NamedTuple):
    """A model's log-probabilities for one question, and the labels that would be right."""

    logprobs: Mapping[str, float]
    accepted: Collection[str]


class Point(NamedTuple):
    """One answer: how sure it was (0..1), how right it turned out (0..1), and how many cases it stands for."""

    confidence: float
    correct: float
    weight: float = 1.0


class Bin(Value):
    """Answers whose confidence lies in (`low`, `high`]; 0.0 belongs to the first bin.

    Attributes:
        weight: number of cases.
        confidence: their mean confidence.
        accuracy: their mean correctness.
    """

    low: float
    high: float
    weight: float
    confidence: float
    accuracy: float


class RiskPoint(Value):
    """What happens when only answers at least as sure as `threshold` are given.

    Attributes:
        coverage: share of cases that get an answer.
        risk: share of those answers that are wrong.
    """

    threshold: float
    coverage: float
    risk: float


def temper(logprobs: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Probabilities of the labels after temperature scaling (Guo et al. 2017, arXiv 1706.04599); they sum to 1.

    Args:
        logprobs: natural-log probability, or any score up to a constant, of each label; at least one.
        temperature: above 1 makes the answer less sure, below 1 more; the order of labels never changes.
    """
    scaled = {label: value / temperature for label, value in logprobs.items()}
    peak = max(scaled.values())
    masses = {label: math.exp(value - peak) for label, value in scaled.items()}
    total = math.fsum(masses.values())
    return {label: mass / total for label, mass in masses.items()}


def negative_log_likelihood(cases: Sequence[Judged], temperature: float) -> float:
    """Mean of -ln of the tempered probability that falls on accepted labels; 0.0 without cases.

    A case none of whose accepted labels is scored costs `IMPOSSIBLE` at every temperature.
    """
    return math.fsum(_loss(case, temperature) for case in cases) / len(cases) if cases else 0.0


def _loss(case: Judged, temperature: float) -> float:
    accepted = [case.logprobs[label] / temperature for label in case.accepted if label in case.logprobs]
    if not accepted:
        return IMPOSSIBLE
    return _log_sum([value / temperature for value in case.logprobs.values()]) - _log_sum(accepted)


def _log_sum(values: Sequence[float]) -> float:
    """ln of the sum of exponentials."""
    peak = max(values)
    return peak + math.log(math.fsum(math.exp(value - peak) for value in values))


def fit_temperature(cases: Sequence[Judged], *, tolerance: float = 1e-5) -> float:
    """The temperature between `COOLEST` and `WARMEST` with the least negative log-likelihood; 1.0 without cases.

    Golden-section search over ln(temperature) down to `tolerance`.
    """
    if not cases:
        return 1.0
    low, high = math.log(COOLEST), math.log(WARMEST)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    left_loss, right_loss = (negative_log_likelihood(cases, math.exp(x)) for x in (left, right))
    while high - low > tolerance:
        if left_loss <= right_loss:
            high, right, right_loss = right, left, left_loss
            left = high - _GOLDEN * (high - low)
            left_loss = negative_log_likelihood(cases, math.exp(left))
        else:
            low, left, left_loss = left, right, right_loss
            right = low + _GOLDEN * (high - low)
            right_loss = negative_log_likelihood(cases, math.exp(right))
    return math.exp((low + high) / 2.0)


def reliability_bins(points: Sequence[Point], bins: int = 10) -> tuple[Bin, ...]:
    """The non-empty ones of `bins` equal-width bins of confidence, lowest first."""
    found: dict[int, list[Point]] = {}
    for point in points:
        found.setdefault(min(bins - 1, max(0, math.ceil(point.confidence * bins) - 1)), []).append(point)
    return tuple(
        Bin(
            low=index / bins,
            high=(index + 1) / bins,
            weight=weight,
            confidence=math.fsum(p.confidence * p.weight for p in inside) / weight,
            accuracy=math.fsum(p.correct * p.weight for p in inside) / weight,
        )
        for index, inside in sorted(found.items())
        if (weight := math.fsum(p.weight for p in inside)) > 0.0
    )


def expected_calibration_error(points: Sequence[Point], bins: int = 10) -> float:
    """Weighted mean gap between confidence and accuracy over equal-width bins (Guo et al. 2017); 0.0 without points."""
    filled = reliability_bins(points, bins)
    total = math.fsum(b.weight for b in filled)
    return math.fsum(b.weight * abs(b.confidence - b.accuracy) for b in filled) / total if total else 0.0


def risk_coverage(points: Sequence[Point]) -> tuple[RiskPoint, ...]:
    """Risk at every distinct confidence, surest first (El-Yaniv and Wiener 2010); the last point covers every case."""
    total = math.fsum(p.weight for p in points)
    curve: list[RiskPoint] = []
    covered = wrong = 0.0
    by_confidence = sorted(points, key=lambda p: -p.confidence)
    for threshold, tied in groupby(by_confidence, key=lambda p: p.confidence):
        for point in tied:
            covered += point.weight
            wrong += point.weight * (1.0 - point.correct)
        curve.append(RiskPoint(threshold=threshold, coverage=covered / total, risk=wrong / covered))
    return tuple(curve)
