import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.vocabulary import together

LABELS = ("PII.Contact.Email", "PII.Person.Name", "HARM.SPEECH.Insult", "OTHER.Safe", "OTHER.Unknown")


def opinion(*probabilities: float) -> dict[str, float]:
    return dict(zip(LABELS, probabilities, strict=True))


def opinions() -> st.SearchStrategy[list[dict[str, float]]]:
    masses = st.lists(st.floats(0.001, 1.0), min_size=len(LABELS), max_size=len(LABELS))
    distribution = masses.map(lambda found: opinion(*(mass / sum(found) for mass in found)))
    return st.lists(distribution, max_size=6)


EMAIL, NAME = opinion(0.9, 0.05, 0.05, 0.0, 0.0), opinion(0.05, 0.9, 0.05, 0.0, 0.0)
TORN = opinion(0.0, 0.45, 0.55, 0.0, 0.0)


def test_a_label_that_could_be_two_things_is_taken_as_what_its_siblings_are_about() -> None:
    found = together([EMAIL, EMAIL, EMAIL, TORN])[3]
    assert found["PII.Person.Name"] > found["HARM.SPEECH.Insult"]


def test_the_more_siblings_the_more_they_count() -> None:
    few, many = (together([*[EMAIL] * count, TORN])[-1]["PII.Person.Name"] for count in (1, 20))
    assert TORN["PII.Person.Name"] < few < many


def test_a_sure_opinion_stands_against_its_siblings() -> None:
    found = together([EMAIL, EMAIL, EMAIL, opinion(0.005, 0.005, 0.99, 0.0, 0.0)])[3]
    assert max(found, key=lambda label: found[label]) == "HARM.SPEECH.Insult"


def test_a_label_does_not_vouch_for_itself() -> None:
    assert together([TORN]) == [pytest.approx(TORN)]


def test_no_weight_changes_nothing() -> None:
    assert together([EMAIL, TORN], weight=0.0) == [pytest.approx(EMAIL), pytest.approx(TORN)]


@given(opinions())
def test_probabilities_still_sum_to_one(given: list[dict[str, float]]) -> None:
    assert [sum(found.values()) for found in together(given)] == pytest.approx([1.0] * len(given))


@given(opinions())
def test_safe_and_unknown_keep_their_probability(given: list[dict[str, float]]) -> None:
    for before, after in zip(given, together(given), strict=True):
        assert [after[label] for label in LABELS[3:]] == [before[label] for label in LABELS[3:]]


def test_where_every_label_means_something_else_one_that_is_torn_means_what_is_left() -> None:
    torn = opinion(0.5, 0.45, 0.05, 0.0, 0.0)
    found = together([EMAIL, torn])[1]
    assert found["PII.Person.Name"] > found["PII.Contact.Email"]


def test_where_labels_mean_the_same_over_and_over_one_that_is_torn_does_too() -> None:
    torn = opinion(0.45, 0.5, 0.05, 0.0, 0.0)
    found = together([*[EMAIL] * 20, torn])[-1]
    assert found["PII.Contact.Email"] > found["PII.Person.Name"]


def test_an_empty_vocabulary_has_no_opinions() -> None:
    assert together([]) == []
