"""Two spellings of one label are equal; two labels are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.text import nearest, normalise, singular, spelling_keys, words


@pytest.mark.parametrize(
    "spelling",
    [
        "US_SOCIAL_SECURITY",
        "us-social-security",
        "UsSocialSecurity",
        "us.social/security",
        " Us  Social Security ",
        "USSocialSecurity",
    ],
)
def test_spellings_that_differ_in_format_only_are_equal(spelling: str) -> None:
    assert normalise(spelling) == "ussocialsecurity"


@pytest.mark.parametrize(("first", "second"), [("not_toxic", "toxic"), ("S1", "S10"), ("hate", "hates"), ("", "a")])
def test_spellings_of_different_labels_stay_different(first: str, second: str) -> None:
    assert normalise(first) != normalise(second)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("HTTPServer2Error", ("http", "server2", "error")),
        ("SSNs", ("ssns",)),
        ("dan.Dan_11_0", ("dan", "dan", "11", "0")),
        ("", ()),
        ("!!", ()),
    ],
)
def test_words_split_at_camel_case_and_separators(label: str, expected: tuple[str, ...]) -> None:
    assert words(label) == expected


@given(st.text(max_size=40))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


def test_nearest_names_come_most_similar_first() -> None:
    assert nearest("presidoi", ["gitleaks", "presidio", "presidio-image"])[0] == "presidio"


def test_nothing_is_near_to_nonsense() -> None:
    assert nearest("qqqqqq", ["presidio", "gitleaks"]) == ()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("hates", "hate"),
        ("identities", "identity"),
        ("addresses", "address"),
        ("address", "address"),
        ("virus", "virus"),
        ("analysis", "analysis"),
        ("ids", "ids"),
        ("boxes", "box"),
    ],
)
def test_a_plural_is_the_singular_of_its_word(word: str, expected: str) -> None:
    assert singular(word) == expected


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("label_hates", "hate"),
        ("openai:hate score", "hate"),
        ("not_toxic", "nottoxic"),
        ("no violence detected", "noviolence"),
        ("toxic: 0.03", "toxic003"),
        ("score", "score"),
    ],
)
def test_decoration_is_dropped_but_never_a_negation_or_a_number(text: str, last: str) -> None:
    assert spelling_keys(text, prefixes=("openai", "moderation"))[-1] == last
