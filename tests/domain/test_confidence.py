import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.confidence import (
    COOLEST,
    IMPOSSIBLE,
    WARMEST,
    Judged,
    Point,
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability_bins,
    risk_coverage,
    temper,
)

logprobs = st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-50, 0), min_size=1)
temperatures = st.floats(COOLEST, WARMEST)
shares = st.floats(0, 1)
answers = st.lists(st.builds(Point, shares, shares, st.floats(0.1, 10)), min_size=1, max_size=40)


@given(logprobs, temperatures)
def test_tempered_probabilities_sum_to_one(scores: dict[str, float], temperature: float) -> None:
    assert sum(temper(scores, temperature).values()) == pytest.approx(1.0)


@given(logprobs, temperatures)
def test_tempering_never_reverses_two_labels(scores: dict[str, float], temperature: float) -> None:
    probabilities = temper(scores, temperature)
    assert all(probabilities[a] <= probabilities[b] for a in scores for b in scores if scores[a] <= scores[b])


@given(logprobs, st.floats(-30, 30))
def test_a_constant_added_to_every_score_changes_nothing(scores: dict[str, float], shift: float) -> None:
    moved = temper({label: value + shift for label, value in scores.items()}, 1.0)
    assert moved == pytest.approx(temper(scores, 1.0), abs=1e-9)


@given(logprobs, temperatures, temperatures)
def test_a_higher_temperature_is_never_surer(scores: dict[str, float], one: float, other: float) -> None:
    cool, warm = sorted((one, other))
    assert max(temper(scores, warm).values()) <= max(temper(scores, cool).values()) + 1e-9


def test_temperature_one_gives_back_normalised_probabilities() -> None:
    assert temper({"a": math.log(0.7), "b": math.log(0.3)}, 1.0) == pytest.approx({"a": 0.7, "b": 0.3})


def _cases(claimed: float, right: int, wrong: int) -> list[Judged]:
    scores = {"a": math.log(claimed), "b": math.log(1 - claimed)}
    return [Judged(scores, ["a"])] * right + [Judged(scores, ["b"])] * wrong


@pytest.mark.parametrize(("claimed", "right", "wrong"), [(0.99, 7, 3), (0.6, 9, 1), (0.8, 8, 2)])
def test_the_fitted_temperature_makes_the_claim_match_how_often_it_was_right(
    claimed: float, right: int, wrong: int
) -> None:
    cases = _cases(claimed, right, wrong)
    fitted = temper(cases[0].logprobs, fit_temperature(cases))
    assert fitted["a"] == pytest.approx(right / (right + wrong), abs=5e-3)


@given(st.lists(st.tuples(logprobs, st.sampled_from("abcdefgh")), min_size=1, max_size=10), temperatures)
def test_no_temperature_is_much_better_than_the_fitted_one(
    drawn: list[tuple[dict[str, float], str]], other: float
) -> None:
    cases = [Judged(scores, [label if label in scores else min(scores)]) for scores, label in drawn]
    best = negative_log_likelihood(cases, fit_temperature(cases))
    assert best <= negative_log_likelihood(cases, other) * 1.001 + 1e-3


def test_without_cases_nothing_is_changed() -> None:
    assert fit_temperature([]) == 1.0
    assert negative_log_likelihood([], 1.0) == 0.0


def test_every_accepted_label_counts_as_right() -> None:
    scores = {"a": math.log(0.5), "b": math.log(0.3), "c": math.log(0.2)}
    assert negative_log_likelihood([Judged(scores, ["a", "b"])], 1.0) == pytest.approx(-math.log(0.8))


def test_an_accepted_label_the_model_cannot_give_costs_much_but_not_infinitely() -> None:
    assert negative_log_likelihood([Judged({"a": 0.0}, ["z"])], 1.0) == IMPOSSIBLE


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
