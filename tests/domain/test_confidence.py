import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.confidence import (
    Point,
    expected_calibration_error,
    reliability_bins,
    risk_coverage,
)

shares = st.floats(0, 1)
answers = st.lists(st.builds(Point, shares, shares, st.floats(0.1, 10)), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("points", "error"),
    [
        ([Point(1.0, 1.0)] * 4, 0.0),
        ([Point(1.0, 0.0)] * 4, 1.0),
        ([Point(0.75, 1.0)] * 3 + [Point(0.75, 0.0)], 0.0),
        ([Point(0.95, 1.0), Point(0.95, 0.0)], 0.45),
        ([Point(0.95, 1.0), Point(0.15, 1.0)], 0.45),
        ([Point(0.9, 1.0, weight=3.0), Point(0.9, 0.0, weight=1.0)], 0.15),
        ([], 0.0),
    ],
)
def test_calibration_error_is_the_gap_between_claim_and_truth(points: list[Point], error: float) -> None:
    assert expected_calibration_error(points) == pytest.approx(error)


@pytest.mark.parametrize(
    ("confidence", "low", "high"), [(0.0, 0.0, 0.1), (0.1, 0.0, 0.1), (0.100001, 0.1, 0.2), (1.0, 0.9, 1.0)]
)
def test_bins_are_open_below_and_closed_above(confidence: float, low: float, high: float) -> None:
    (found,) = reliability_bins([Point(confidence, 1.0)])
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


@given(answers)
def test_calibration_error_is_between_nothing_and_everything(points: list[Point]) -> None:
    assert -1e-9 <= expected_calibration_error(points) <= 1.0 + 1e-9


@given(answers)
def test_bins_hold_every_case_once(points: list[Point]) -> None:
    assert sum(b.weight for b in reliability_bins(points)) == pytest.approx(sum(p.weight for p in points))


@given(answers)
def test_coverage_grows_as_the_threshold_falls_and_ends_at_everything(points: list[Point]) -> None:
    curve = risk_coverage(points)
    assert [p.threshold for p in curve] == sorted({p.confidence for p in points}, reverse=True)
    assert [p.coverage for p in curve] == sorted(p.coverage for p in curve)
    assert curve[-1].coverage == pytest.approx(1.0)


def test_risk_counts_wrong_answers_among_those_given() -> None:
    curve = risk_coverage([Point(0.9, 1.0), Point(0.8, 0.0), Point(0.8, 1.0), Point(0.1, 0.0)])
    assert [(p.threshold, p.coverage, pytest.approx(p.risk)) for p in curve] == [
        (0.9, 0.25, 0.0),
        (0.8, 0.75, 1 / 3),
        (0.1, 1.0, 0.5),
    ]
