from collections import Counter, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_assets.evaluation.sampling import AUDITED_GROUP, BUDGETS, SHARES, Candidate, draw


def candidates(**sizes: int) -> list[Candidate]:
    """As many cases of each stratum as asked for; the group is the first letter of the stratum."""
    return [
        Candidate(f"{stratum}-{i}", f"{stratum}? {i}", stratum[0], stratum)
        for stratum, size in sizes.items()
        for i in range(size)
    ]


@pytest.mark.parametrize("calls", [0, 3, 10, 29])
def test_never_more_is_asked_than_allowed(calls: int) -> None:
    assert len(draw(candidates(a1=10, a2=10, b1=10), calls, seed=1).questions) <= calls


def test_everything_is_asked_where_the_budget_allows_it() -> None:
    sample = draw(candidates(a1=10, a2=10, b1=10), 30, seed=1)
    assert len(sample.questions) == 30
    assert set(sample.weights.values()) == {1.0}


def test_a_small_group_is_asked_whole_and_leaves_its_rest_to_a_large_one() -> None:
    asked = Counter(q[0] for q in draw(candidates(a1=4, b1=100), 40, seed=1).questions)
    assert asked == {"a": 4, "b": 36}


def test_every_stratum_gets_its_turn_before_any_gets_a_second() -> None:
    asked = Counter(q.split("?")[0] for q in draw(candidates(a1=100, a2=2, a3=50), 6, seed=1).questions)
    assert asked == {"a1": 2, "a2": 2, "a3": 2}


@given(st.integers(1, 20), st.integers(1, 20), st.integers(3, 40))
def test_weights_restore_the_size_of_every_stratum_that_was_asked(one: int, other: int, calls: int) -> None:
    given = candidates(a1=one, a2=other)
    sums: defaultdict[str, float] = defaultdict(float)
    for case, weight in draw(given, calls, seed=1).weights.items():
        sums[case.split("-")[0]] += weight
    assert dict(sums) == pytest.approx({"a1": one, "a2": other})


def test_a_question_several_cases_share_is_asked_once_and_answers_them_all() -> None:
    sample = draw([Candidate("1", "same?", "a", "a1"), Candidate("2", "same?", "b", "b1")], 1, seed=1)
    assert sample.questions == ("same?",)
    assert sample.weights == {"1": 1.0, "2": 1.0}


def test_the_same_seed_draws_the_same_sample() -> None:
    given = candidates(a1=50, b1=50)
    assert draw(given, 20, seed=3) == draw(given, 20, seed=3)
    assert draw(given, 20, seed=3) != draw(given, 20, seed=4)


def test_every_training_profile_has_a_budget_and_they_grow() -> None:
    assert [BUDGETS[name].calls for name in ("tiny", "default", "full")] == sorted(b.calls for b in BUDGETS.values())


def test_cases_a_reviewer_decides_get_a_small_share_and_what_nobody_else_wants() -> None:
    audited = [Candidate(f"x{i}", f"x? {i}", AUDITED_GROUP, "x") for i in range(200)]
    for others, asked in ((500, int(SHARES[AUDITED_GROUP] * 100)), (10, 90)):
        open_cases = [Candidate(f"a{i}", f"a? {i}", "a", "a") for i in range(others)]
        drawn = draw([*audited, *open_cases], 100, seed=1).questions
        assert sum(q.startswith("x") for q in drawn) == asked
