from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.scoring import (
    Outcome,
    by_detector,
    confusion,
    difference,
    label_f1,
    macro_f1,
    mean_f1,
    points,
    score,
    set_f1,
)

LABELS = ("PII.Contact.Email", "PII.Contact.Phone", "HARM.SPEECH.Hate", "OTHER.Safe", "OTHER.Unknown")
label_sets = st.lists(st.sampled_from(LABELS), min_size=1, max_size=3, unique=True)


def outcome(expected: str = "A.x", predicted: str = "A.x", **given: Any) -> Outcome:
    """An outcome with labels written as `A.x|A.y`."""
    fields: dict[str, Any] = {"case": "1", "unit": "1", "detector": "d", "split": "seen", "confidence": 1.0} | given
    return Outcome(expected=tuple(expected.split("|")), predicted=tuple(predicted.split("|")), **fields)


@pytest.mark.parametrize(
    ("expected", "relation", "predicted", "f1"),
    [
        ("a", "any", "a", 1.0),
        ("a", "any", "b", 0.0),
        ("a b", "any", "a", 1.0),
        ("a b", "any", "b", 1.0),
        ("a b", "any", "a b", 1.0),
        ("a b", "any", "a c", 2 / 3),
        ("a b", "all", "a b", 1.0),
        ("a b", "all", "a", 2 / 3),
        ("a b", "all", "a c", 0.5),
        ("a b", "all", "c d", 0.0),
        ("a", "all", "a b", 2 / 3),
    ],
)
def test_set_f1_of_one_case(expected: str, relation: Any, predicted: str, f1: float) -> None:
    assert set_f1(expected.split(), relation, predicted.split()) == pytest.approx(f1)


@given(label_sets, st.sampled_from(["any", "all"]), label_sets)
def test_set_f1_is_a_share(expected: list[str], relation: Any, predicted: list[str]) -> None:
    assert 0.0 <= set_f1(expected, relation, predicted) <= 1.0


@given(label_sets, label_sets)
def test_asking_for_all_never_scores_above_asking_for_any(expected: list[str], predicted: list[str]) -> None:
    assert set_f1(expected, "all", predicted) <= set_f1(expected, "any", predicted)


@given(label_sets, label_sets)
def test_with_all_the_two_sides_can_be_swapped(one: list[str], other: list[str]) -> None:
    assert set_f1(one, "all", other) == pytest.approx(set_f1(other, "all", one))


@given(label_sets, label_sets)
def test_with_all_only_the_same_set_is_perfect(one: list[str], other: list[str]) -> None:
    assert (set_f1(one, "all", other) == 1.0) == (set(one) == set(other))


def test_a_large_vocabulary_does_not_drown_a_small_one() -> None:
    many = [outcome(detector="large", case=str(i)) for i in range(99)]
    few = [outcome(detector="small", predicted="A.y")]
    assert by_detector(many + few) == {"large": 1.0, "small": 0.0}
    assert macro_f1(many + few) == 0.5
    assert mean_f1(many + few) == pytest.approx(0.99)


def test_a_sampled_case_stands_for_those_that_were_not_asked() -> None:
    assert mean_f1([outcome(weight=3.0), outcome(predicted="A.y", weight=1.0)]) == pytest.approx(0.75)


def test_nothing_scores_nothing() -> None:
    assert macro_f1([]) == mean_f1([]) == label_f1([]) == 0.0


@pytest.mark.parametrize(
    ("outcomes", "f1"),
    [
        ([outcome("A.x", "A.x"), outcome("A.y", "A.y")], 1.0),
        ([outcome("A.x", "A.x"), outcome("A.y", "A.x")], (2 / 3 + 0.0) / 2),
        ([outcome("A.x|A.y", "A.y")], 1.0),
        ([outcome("A.x|A.y", "A.x", relation="all")], 0.5),
    ],
)
def test_label_f1_is_the_mean_over_labels(outcomes: list[Outcome], f1: float) -> None:
    assert label_f1(outcomes) == pytest.approx(f1)


def test_unknown_has_no_confidence_to_be_judged_by() -> None:
    assert points([outcome("A.x", "OTHER.Unknown", confidence=0.0)]) == ()


def test_confusion_counts_categories_of_expected_and_answered_labels() -> None:
    table = confusion([outcome("PII.a", "PII.b"), outcome("PII.a", "HARM.c", weight=2.0), outcome("PII.a|X.y", "X.y")])
    assert table == {"PII": {"PII": 1.0, "HARM": 2.0}, "X": {"X": 1.0}}


def test_not_knowing_is_no_confusion_with_a_category() -> None:
    table = confusion([outcome("PII.a", "OTHER.Unknown"), outcome("OTHER.Safe", "OTHER.Safe")])
    assert table == {"OTHER": {"OTHER": 1.0}, "PII": {"unknown": 1.0}}


def test_a_score_says_how_much_is_answered_above_the_threshold_and_how_well() -> None:
    given = [
        outcome(confidence=0.9),
        outcome(confidence=0.7, predicted="A.y"),
        outcome(confidence=0.6),
        outcome(confidence=0.5),
        outcome(confidence=0.0, predicted="OTHER.Unknown"),
    ]
    found = score(given, seed=1, threshold=0.6)
    assert found.coverage == pytest.approx(0.6)
    assert found.precision == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("expected", "predicted", "count"),
    [
        ("HARM.SPEECH.Hate", "OTHER.Safe", 1),
        ("HARM.SPEECH.Hate", "OTHER.Unknown", 0),
        ("OTHER.Safe", "OTHER.Safe", 0),
        ("OTHER.Unknown", "OTHER.Safe", 0),
        ("HARM.SPEECH.Hate|OTHER.Safe", "OTHER.Safe", 0),
    ],
)
def test_a_harm_called_safe_is_counted(expected: str, predicted: str, count: int) -> None:
    assert score([outcome(expected, predicted)], seed=1).harmful_called_safe == count


def test_a_difference_is_taken_on_the_cases_both_answered() -> None:
    ours = [outcome(case="1", unit="1"), outcome(case="2", unit="2", predicted="A.y"), outcome(case="3", unit="3")]
    theirs = [outcome(case="1", unit="1", predicted="A.y"), outcome(case="2", unit="2", predicted="A.y")]
    found = difference(ours, theirs, seed=1)
    assert (found.f1, found.cases) == (0.5, 2)
    assert found.interval.low <= 0.5 <= found.interval.high


def test_a_system_does_not_differ_from_itself() -> None:
    same = [outcome(case=str(i), unit=str(i), predicted=("A.x", "A.y")[i % 2]) for i in range(20)]
    found = difference(same, same, seed=1)
    assert (found.f1, found.interval.low, found.interval.high) == (0.0, 0.0, 0.0)
