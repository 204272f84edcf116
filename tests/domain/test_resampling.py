import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.resampling import EMPTY, Unit, bootstrap, macro_mean

units = st.lists(st.builds(Unit, st.floats(0, 1), st.just(1.0)), min_size=1, max_size=15)
groups = st.dictionaries(st.sampled_from("abc"), st.lists(units, min_size=1, max_size=2), min_size=1)


@given(groups, st.integers(0, 9))
def test_an_interval_is_ordered_and_stays_within_the_values(drawn: dict[str, list[list[Unit]]], seed: int) -> None:
    found = bootstrap(drawn, seed=seed, replicates=50)
    assert -1e-9 <= found.low <= found.high <= 1.0 + 1e-9


@given(groups)
def test_the_same_seed_gives_the_same_interval(drawn: dict[str, list[list[Unit]]]) -> None:
    assert bootstrap(drawn, seed=7, replicates=50) == bootstrap(drawn, seed=7, replicates=50)


def test_more_cases_give_a_narrower_interval() -> None:
    few = bootstrap({"a": [[Unit(x, 1.0) for x in (0.0, 1.0)] * 5]}, seed=1)
    many = bootstrap({"a": [[Unit(x, 1.0) for x in (0.0, 1.0)] * 500]}, seed=1)
    assert few.low < many.low < 0.5 < many.high < few.high


def test_the_interval_of_a_fair_coin_is_as_wide_as_the_normal_approximation() -> None:
    tosses = {"a": [[Unit(float(i % 2), 1.0) for i in range(400)]]}
    found = bootstrap(tosses, seed=3)
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.5 / 400**0.5, rel=0.15)


def test_cases_drawn_together_count_as_one() -> None:
    together = EMPTY.plus(1.0, 1.0).plus(1.0, 1.0).plus(0.0, 1.0)
    assert macro_mean({"a": [[together]]}) == pytest.approx(2 / 3)
    assert bootstrap({"a": [[together]]}, seed=1).low == pytest.approx(2 / 3)


def test_groups_weigh_the_same_whatever_their_size() -> None:
    assert macro_mean({"a": [[Unit(1.0, 1.0)] * 9], "b": [[Unit(0.0, 1.0)]]}) == 0.5


def test_nothing_has_no_spread() -> None:
    assert macro_mean({}) == bootstrap({}, seed=1).low == 0.0


def test_a_sampled_stratum_keeps_its_share_however_few_were_asked() -> None:
    known, sampled = [Unit(1.0, 1.0)] * 50, [Unit(0.0, 25.0), Unit(25.0, 25.0)]
    found = bootstrap({"a": [known, sampled]}, seed=1)
    assert macro_mean({"a": [known, sampled]}) == pytest.approx(0.75)
    assert (found.low, found.high) == (pytest.approx(0.5), pytest.approx(1.0))
