"""Rules recognise a reviewed label in any format, and never see a label inside another string."""

import pytest

from mapper_domain.catalog import Catalog
from mapper_domain.rules import Match, RuleMapper


@pytest.fixture(scope="module")
def rules(small_catalog: Catalog) -> RuleMapper:
    return RuleMapper(small_catalog)


@pytest.mark.parametrize(
    ("detector", "label", "expected", "match"),
    [
        ("first", "EMAIL", ("PII.Contact.Email",), Match.EXACT),
        ("first", "email", ("PII.Contact.Email",), Match.FORMAT),
        ("second", "eMail", ("PII.Contact.Email",), Match.FORMAT),
        ("second", "toxic", ("HARM.SPEECH.Toxicity", "HARM.SPEECH.Insult"), Match.EXACT),
        ("first", "EMAILs", ("PII.Contact.Email",), Match.FORMAT),
        ("first", "first:EMAIL", ("PII.Contact.Email",), Match.FORMAT),
        ("first", "label_EMAIL_score", ("PII.Contact.Email",), Match.FORMAT),
        ("first", "category=PERSON v2", ("PII.Person.Name",), Match.FORMAT),
        ("nobody", "ssn_detected", ("PII.Identifier.SSN",), Match.ALIAS),
        ("second", "first:EMAIL", None, None),
        ("first", "score", None, None),
        ("first", "social", None, None),
        ("first", "SSN", ("PII.Identifier.SSN",), Match.ALIAS),
        ("nobody", "PII.Identifier.SSN", ("PII.Identifier.SSN",), Match.ALIAS),
        ("nobody", "Email Address", ("PII.Contact.Email",), Match.ALIAS),
        ("first", "E-MAIL", ("PII.Contact.Email",), Match.FORMAT),
        ("nobody", "PERSON", None, None),
        ("nobody", "S1", None, None),
        ("nobody", "Other", None, None),
    ],
)
def test_a_label_is_found_by_the_strongest_rule_that_fits(
    rules: RuleMapper, detector: str, label: str, expected: tuple[str, ...] | None, match: Match | None
) -> None:
    hit = rules.find(detector, label)
    assert (hit.labels if hit else None, hit.match if hit else None) == (expected, match)


@pytest.mark.parametrize(
    "nonsense",
    [
        "",
        " ",
        "a",
        "ss",
        "not_toxic",
        "non-toxic",
        "toxic: 0.03",
        "no violence detected",
        "hate|violence",
        '{"hate": false}',
        "-",
    ],
)
def test_nonsense_and_negations_match_nothing(rules: RuleMapper, nonsense: str) -> None:
    assert rules.find("first", nonsense) is None


@pytest.mark.parametrize(("field", "expected"), [("prompt", "OTHER.Safe"), ("response", "HARM.SPEECH.Toxicity")])
def test_one_string_means_different_things_in_different_fields(rules: RuleMapper, field: str, expected: str) -> None:
    hit = rules.find("second", "status", field)
    assert hit is not None
    assert hit.labels == (expected,)


def test_a_format_variant_that_could_be_two_labels_is_not_guessed(rules: RuleMapper) -> None:
    assert rules.find("second", "STATUS") is None
