import math
from collections.abc import Sequence

import pytest
from small_world import SAFE, THREAT, UNKNOWN

from mapper_assets.evaluation.trust import (
    Firing,
    Held,
    Limits,
    answer_threshold,
    calibrate,
    firings,
    reliability,
    safe_threshold,
    spelling_firings,
    trust,
)
from mapper_assets.evaluation.weights import Judged
from mapper_assets.training.golden import GoldenCase
from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust
from mapper_domain.rules import Match, RuleMapper
from mapper_domain.voices import Weights


def held(key: str, claimed: float, *, right: bool) -> Held:
    """A question to which both voices gave a label that probability."""
    said = {"a": math.log(claimed), "b": math.log(1.0 - claimed), SAFE: -20.0}
    return Held(key, Judged({"adapter": said, "retriever": said}, ["a" if right else "b"]))


def overconfident(key: str, cases: int = 20, wrong: int = 6) -> list[Held]:
    return [held(key, 0.99, right=i >= wrong) for i in range(cases)]


def test_rules_are_judged_on_labels_of_a_whole_fold_that_was_forgotten(world: Catalog) -> None:
    found = {(f.detector, f.label): (f.match, f.right) for f in firings(world, [("stranger",), ("mail", "mixed")])}
    assert found[("stranger", "email")] == (Match.ALIAS, 1.0)
    assert found[("stranger", "insulting")] == (Match.ELSEWHERE, 0.0)
    assert ("stranger", "menace") not in found
    assert found[("mixed", "email")][0] is Match.ALIAS, "`mail` is in the same fold, so only the alias is left"


def test_spellings_of_a_label_are_one_piece_of_evidence(known: Catalog, cases: Sequence[GoldenCase]) -> None:
    spellings = [*cases, *(c for c in cases if c.split == "variant")]
    found = spelling_firings(RuleMapper(known), spellings)
    assert [(f.detector, f.label, f.right) for f in found] == [("mail", "email", 1.0), ("talk", "threatening", 1.0)]


@pytest.mark.parametrize(
    ("fired", "right", "expected"), [(0, 0, 0.5), (1, 1, 2 / 3), (8, 8, 0.9), (98, 98, 0.99), (8, 4, 0.5)]
)
def test_few_right_cases_are_not_certainty(fired: int, right: int, expected: float) -> None:
    seen = [Firing("d", str(i), Match.ALIAS, float(i < right)) for i in range(fired)]
    assert reliability(seen)[Match.ALIAS].reliability == pytest.approx(expected)


def test_evidence_can_leave_out_the_detectors_that_are_scored() -> None:
    seen = [Firing("a", "x", Match.ALIAS, 1.0), Firing("b", "y", Match.ALIAS, 0.0)]
    assert reliability(seen, without=["b"])[Match.ALIAS].fired == 1


def test_an_exact_hit_is_trusted_by_definition_and_the_others_by_evidence() -> None:
    found = trust(Weights(retriever=0.3), reliability([]), Limits(answer=0.8, safe=0.7))
    assert (found.weights.retriever, found.threshold, found.safe_threshold) == (0.3, 0.8, 0.7)
    assert (found.rules[Match.EXACT], found.rules[Match.ELSEWHERE]) == (1.0, 0.5)


def test_each_half_is_reported_with_the_weights_of_the_other() -> None:
    sober = [held("b", 0.7, right=i >= 6) for i in range(20)]
    found = calibrate([*overconfident("a"), *sober])
    one, other = (found.trust(key, Trust()).weights.retriever for key in "ab")
    assert one == pytest.approx(1.0, abs=0.02), "fitted on the calibrated half"
    assert other < 0.3, "fitted on the overconfident half"
    assert other < found.fit.shipped.retriever < one


def test_cases_that_were_not_held_out_use_what_is_shipped() -> None:
    found = calibrate(overconfident("a"))
    for key in (None, "never seen"):
        assert found.trust(key, Trust()).weights == found.fit.shipped


def test_cases_of_one_key_never_straddle_the_halves_and_the_halves_are_even() -> None:
    found = calibrate([h for key, size in [("a", 5), ("b", 4), ("c", 3), ("d", 2)] for h in overconfident(key, size)])
    assert found.halves == {"a": 0, "b": 1, "c": 1, "d": 0}


@pytest.mark.parametrize("heard", ["adapter", "retriever", "together"])
def test_overconfidence_that_both_halves_share_is_cured_by_the_other_halfs_weights(heard: str) -> None:
    fit = calibrate([*overconfident("a"), *overconfident("b")]).fit
    assert fit.after[heard] < fit.before[heard]


def test_calibration_that_does_not_carry_over_is_reported_as_such() -> None:
    sure_and_right = [held("a", 0.9, right=True) for _ in range(20)]
    fit = calibrate([*sure_and_right, *overconfident("b", 20, 10)]).fit
    assert fit.after["retriever"] > fit.before["retriever"]


def test_nothing_held_out_changes_nothing() -> None:
    fit = calibrate([]).fit
    assert (fit.cases, fit.shipped, fit.halves) == (0, Weights(), (Weights(), Weights()))


def called_safe(probability: float, right: str) -> tuple[dict[str, float], tuple[str, ...]]:
    rest = (1.0 - probability) / 2.0
    return {SAFE: probability, THREAT: rest, UNKNOWN: rest}, (right,)


@pytest.mark.parametrize(
    ("said", "threshold"),
    [
        ([], 0.6),
        ([called_safe(0.95, SAFE), called_safe(0.9, UNKNOWN)], 0.6),
        ([called_safe(0.5, THREAT)], 0.6),
        ([called_safe(0.8125, THREAT), called_safe(0.7, THREAT)], 0.813),
        ([called_safe(0.9999, THREAT)], 1.0),
        ([called_safe(0.3, THREAT)], 0.6),
    ],
)
def test_safe_is_said_just_above_the_surest_harm_it_was_said_of(
    said: list[tuple[dict[str, float], tuple[str, ...]]], threshold: float
) -> None:
    assert safe_threshold(said) == threshold


def named(probability: float, *, right: bool) -> tuple[dict[str, float], tuple[str, ...]]:
    return {THREAT: probability, SAFE: 1.0 - probability}, (THREAT if right else UNKNOWN,)


@pytest.mark.parametrize(
    ("said", "threshold"),
    [
        pytest.param([], 0.6, id="nothing is known"),
        pytest.param([named(0.7, right=True)] * 3, 0.7, id="all right"),
        pytest.param([named(0.55, right=True)] * 3, 0.6, id="never below the ladder's own"),
        pytest.param([*[named(0.9, right=True)] * 70, named(0.75, right=False)], 0.75, id="one error in seventy-one"),
        pytest.param([*[named(0.9, right=True)] * 40, named(0.75, right=False)], 0.9, id="one error in forty-one"),
        pytest.param([named(0.99, right=False)] * 3, 0.95, id="wrong when sure"),
        pytest.param([({UNKNOWN: 0.9, SAFE: 0.1}, (THREAT,))], 0.6, id="what is unknown is no answer"),
    ],
)
def test_answers_begin_where_985_of_1000_are_right(
    said: list[tuple[dict[str, float], tuple[str, ...]]], threshold: float
) -> None:
    assert answer_threshold(said) == threshold


def test_precision_is_measured_by_the_cross_validation_where_there_is_one() -> None:
    found = calibrate(overconfident("a"), Trust(threshold=0.7), Trust(threshold=0.8))
    assert (found.trust("a", Trust()).threshold, found.limits.answer) == (0.7, 0.8)


def test_safe_needs_no_counterexample_in_this_set_nor_in_the_cross_validation() -> None:
    elsewhere = Trust(safe_threshold=0.9)
    shipped = Trust(safe_threshold=0.95, weights=Weights(retriever=0.42))
    found = calibrate(overconfident("a"), elsewhere, shipped)
    assert (found.trust("a", Trust()).safe_threshold, found.limits.safe) == (0.9, 0.95)
    assert found.fit.shipped.retriever == 0.42, "rests on all detectors"
    assert found.fit.shipped.adapter != 1.0, "rests on these cases"
