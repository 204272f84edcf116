import math
from collections.abc import Sequence

import pytest

from mapper_assets.evaluation.trust import (
    Firing,
    Held,
    calibrate,
    firings,
    reliability,
    spelling_firings,
    trust,
)
from mapper_assets.training.golden import GoldenCase
from mapper_domain.catalog import Catalog
from mapper_domain.confidence import Judged
from mapper_domain.rules import Match, RuleMapper


def held(key: str, claimed: float, *, right: bool) -> Held:
    """A question whose best label has the claimed probability."""
    scores = {"a": math.log(claimed), "b": math.log(1.0 - claimed)}
    return Held(key, Judged(scores, ["a" if right else "b"]))


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
    found = trust(2.0, reliability([]))
    assert (found.temperature, found.rules[Match.EXACT], found.rules[Match.ELSEWHERE]) == (2.0, 1.0, 0.5)


def test_each_half_is_reported_with_the_temperature_of_the_other() -> None:
    sober = [held("b", 0.7, right=i >= 6) for i in range(20)]
    found = calibrate([*overconfident("a"), *sober])
    assert found.temperature("b") > 3.0, "fitted on the overconfident half"
    assert found.temperature("a") == pytest.approx(1.0, abs=0.02), "fitted on the calibrated half"
    assert found.temperature("a") < found.fit.shipped < found.temperature("b")


def test_cases_that_were_not_held_out_use_the_shipped_temperature() -> None:
    found = calibrate(overconfident("a"))
    assert found.temperature(None) == found.temperature("never seen") == found.fit.shipped


def test_cases_of_one_key_never_straddle_the_halves_and_the_halves_are_even() -> None:
    found = calibrate([h for key, size in [("a", 5), ("b", 4), ("c", 3), ("d", 2)] for h in overconfident(key, size)])
    assert found.halves == {"a": 0, "b": 1, "c": 1, "d": 0}


def test_overconfidence_that_both_halves_share_is_cured_by_the_other_halfs_temperature() -> None:
    fit = calibrate([*overconfident("a"), *overconfident("b")]).fit
    assert fit.nll_after < fit.nll_before


def test_calibration_that_does_not_carry_over_is_reported_as_such() -> None:
    sure_and_right = [held("a", 0.9, right=True) for _ in range(20)]
    fit = calibrate([*sure_and_right, *overconfident("b", 20, 10)]).fit
    assert fit.nll_after > fit.nll_before


def test_nothing_held_out_changes_nothing() -> None:
    fit = calibrate([]).fit
    assert (fit.cases, fit.shipped, fit.folds) == (0, 1.0, (1.0, 1.0))


@pytest.mark.parametrize(("cases", "fitted"), [(19, False), (20, True)])
def test_a_handful_of_cases_fits_no_temperature(cases: int, fitted: bool) -> None:
    assert (calibrate(overconfident("a", cases, cases // 3)).fit.shipped != 1.0) is fitted
