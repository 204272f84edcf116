"""What is suggested for a vocabulary, and what a person has to look at."""

import pytest
from proposing import RELEASE, TRUST, opinion, proposed, vocabulary
from pydantic import ValidationError

from mapper_domain.catalog import Catalog
from mapper_domain.content import looks_private
from mapper_domain.proposals import CANDIDATES, Reason, Term, Vocabulary, catalogue_name, propose, unsure
from mapper_domain.rules import Match, RuleMapper

HATE, THREAT = "HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat"
EMAIL = "PII.Contact.Email"


def one(catalog: Catalog, label: str, says: dict[str, float] | None, **about: str):
    (suggestion,) = proposed(catalog, vocabulary(label, **about), [says]).labels
    return suggestion


def test_a_sure_label_is_suggested_with_its_candidates_and_needs_no_review(catalog: Catalog) -> None:
    found = one(catalog, "zorb", {HATE: 0.9, THREAT: 0.05})
    assert (found.taxonomy, found.answer, found.needs_review) == ((HATE,), (HATE,), False)
    assert found.confidence == pytest.approx(0.9)
    assert len(found.candidates) == CANDIDATES
    assert [candidate.label for candidate in found.candidates[:2]] == [HATE, THREAT]
    assert found.heard == ("adapter", "retriever")


@pytest.mark.parametrize(
    ("says", "kind", "reason"),
    [
        ({HATE: 0.5, THREAT: 0.1}, "", Reason.BELOW_THRESHOLD),
        ({HATE: 0.65, THREAT: 0.34}, "", Reason.CLOSE_CANDIDATES),
        ({"OTHER.Safe": 0.97}, "", Reason.SAYS_SAFE),
        ({"OTHER.Unknown": 0.9}, "", Reason.NOBODY_KNOWS),
        ({HATE: 0.95}, "secrets", Reason.UNUSUAL_FOR_KIND),
        (None, "", Reason.NOBODY_KNOWS),
    ],
)
def test_what_a_person_has_to_decide_is_flagged_with_the_reason(catalog: Catalog, says, kind, reason) -> None:
    assert one(catalog, "zorb", says, kind=kind).reasons == (reason,)


def test_rules_and_model_that_disagree_are_flagged(catalog: Catalog) -> None:
    found = one(catalog, "email", {HATE: 0.95})
    assert found.match in (Match.ALIAS, Match.ELSEWHERE)
    assert Reason.RULES_DISAGREE in found.reasons


def test_below_the_threshold_the_first_choice_is_named_and_the_answer_is_unknown(catalog: Catalog) -> None:
    found = one(catalog, "zorb", {HATE: 0.5})
    assert (found.taxonomy, found.answer) == ((HATE,), ("OTHER.Unknown",))
    assert found.confidence == pytest.approx(0.5)


def test_a_safe_that_a_rule_knows_needs_no_person(catalog: Catalog) -> None:
    assert not one(catalog, "benign", {"OTHER.Safe": 0.97}).needs_review


def test_what_the_detector_has_already_is_reviewed_whatever_the_model_says(catalog: Catalog) -> None:
    asked = vocabulary("US_SSN", "us-ssn", "zorb", detector="presidio")
    proposal = proposed(catalog, asked, [{HATE: 0.9}, {HATE: 0.9}, {EMAIL: 0.9}])
    assert [s.match for s in proposal.labels] == [Match.EXACT, Match.FORMAT, None]
    assert [s.label for s in proposal.settled] == ["zorb"]
    assert proposal.exists
    assert proposal.kind == "pii"


def test_without_a_model_the_rules_alone_propose(catalog: Catalog) -> None:
    found = one(catalog, "e_mail", None)
    assert (found.taxonomy, found.heard, found.candidates) == ((EMAIL,), (), ())


def test_labels_of_one_vocabulary_speak_for_each_other(catalog: Catalog) -> None:
    asked = vocabulary("a", "b", "c", "torn")
    says = [{EMAIL: 0.95}, {"PII.Person.Name": 0.95}, {EMAIL: 0.95}, {"PII.Identifier.SSN": 0.42, HATE: 0.48}]

    def torn(apart: bool):
        return propose(
            asked,
            [opinion(catalog, said) for said in says],
            catalog=catalog,
            rules=RuleMapper(catalog),
            trust=TRUST,
            release=RELEASE,
            apart=apart,
        ).labels[-1]

    assert torn(apart=True).taxonomy == (HATE,)
    assert torn(apart=False).taxonomy == ("PII.Identifier.SSN",)


def test_reviewed_labels_of_the_detector_speak_for_its_new_ones(catalog: Catalog) -> None:
    says = {"PII.Identifier.SSN": 0.42, HATE: 0.48}
    for detector, expected in (("presidio", "PII.Identifier.SSN"), ("acme-guard", HATE)):
        (found,) = propose(
            vocabulary("torn", detector=detector),
            [opinion(catalog, says)],
            catalog=catalog,
            rules=RuleMapper(catalog),
            trust=TRUST,
            release=RELEASE,
        ).labels
        assert found.taxonomy == (expected,)


def test_a_second_voice_is_asked_about_the_unsure_and_about_the_least_sure_first() -> None:
    assert unsure([{"A": 0.95, "B": 0.05}, {"A": 0.5, "B": 0.5}, {"A": 0.2, "B": 0.8}]) == (1, 2)


@pytest.mark.parametrize(
    ("sent", "name"),
    [("presidio", "presidio"), ("Acme_Guard/v2", "acme-guard-v2"), ("acme--Guard.", "acme-guard"), ("X", "x")],
)
def test_a_detector_has_one_name_in_the_catalogue(sent: str, name: str) -> None:
    assert catalogue_name(sent) == name


@pytest.mark.parametrize("label", ["", "  ", "two\nlines", "x" * 257])
def test_what_is_no_label_is_no_term(label: str) -> None:
    with pytest.raises(ValidationError):
        Term(label=label)


@pytest.mark.parametrize("detector", ["", "not a name", "a/../..\n", "4111 1111 1111 1111"])
def test_what_is_no_name_is_no_detector(detector: str) -> None:
    with pytest.raises(ValidationError):
        vocabulary("a", detector=detector)


def test_a_label_is_given_once_a_field() -> None:
    twice = (Term(label="a"), Term(label="a", field="f"), Term(label="a", field="f"))
    assert len(Vocabulary(detector="x", terms=twice[:2]).questions) == 2
    with pytest.raises(ValidationError, match="'a' is given twice"):
        Vocabulary(detector="x", terms=twice)


def test_no_label_of_the_catalogue_looks_like_a_matched_value(catalog: Catalog) -> None:
    assert [m.label for d in catalog.detectors for m in d.maps if looks_private(m.label)] == []
