"""Confidence: how far the probabilities of answers can be believed.

Mathematics of numbers between 0 and 1 only. What is right or wrong about a label is `scoring`'s business.
"""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from mapper_domain.value import Value


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
