"""A proposal as a detector file: what the catalogue reads is what was settled, and nothing a person has not seen."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proposing import RELEASE, proposed, vocabulary

from mapper_domain.catalog import Catalog
from mapper_domain.detectors import Detector
from mapper_domain.errors import Problem
from mapper_domain.parsing_detectors import TYPED, parse_detector
from mapper_domain.proposal_yaml import accepted, render, scalar
from mapper_domain.proposals import Proposal, Reason, Suggestion, Term, Vocabulary
from mapper_domain.rules import Match
from mapper_domain.sources import read

HATE, THREAT, EMAIL = "HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat", "PII.Contact.Email"


def load(text: str, name: str, folder: Path, catalog: Catalog) -> tuple[Detector | None, list[Problem]]:
    """The file as the catalogue reads it."""
    path = folder / f"{name}.yaml"
    path.write_text(text)
    problems: list[Problem] = []
    found = parse_detector(read(path, folder, typed=TYPED), name, catalog.taxonomy.names, problems)
    return found, problems


def meanings(detector: Detector | None) -> dict[tuple[str | None, str], tuple[tuple[str, ...], str]]:
    assert detector is not None
    return {(m.field, m.label): (m.canonical, m.description) for m in detector.maps}


def suggested(suggestions: tuple[Suggestion, ...]) -> dict[tuple[str | None, str], tuple[tuple[str, ...], str]]:
    return {(s.field, s.label): (s.taxonomy, s.description) for s in suggestions}


@pytest.fixture
def proposal(catalog: Catalog) -> Proposal:
    terms = (
        Term(label="hate", description='says "hate": a, b # not a comment'),
        Term(label="no", description="nothing found"),
        Term(label="1.10"),
        Term(label="# x: [y"),
        Term(label="score", field="toxicity"),
        Term(label="score", field="quality"),
        Term(label="zorb"),
        Term(label="both", field="a"),
        Term(label="both", field="b", description="other"),
    )
    sure, unsure = {HATE: 0.97}, {THREAT: 0.4, HATE: 0.3}
    says = [sure, {"OTHER.Safe": 0.99}, sure, sure, sure, unsure, unsure, unsure, unsure]
    return proposed(catalog, Vocabulary(detector="acme-guard", kind="moderation", version="1.0", terms=terms), says)


def test_the_catalogue_reads_what_is_settled_and_nothing_else(proposal, tmp_path, catalog) -> None:
    found, problems = load(render(proposal), "acme-guard", tmp_path, catalog)
    assert problems == []
    assert meanings(found) == suggested(proposal.settled)
    assert len(proposal.settled) == 4
    assert (found.name, found.version, found.kind) == ("acme-guard", "1.0", "moderation")


def test_accepting_every_commented_entry_gives_every_suggestion(proposal, tmp_path, catalog) -> None:
    found, problems = load(accepted(render(proposal)), "acme-guard", tmp_path, catalog)
    assert problems == []
    assert meanings(found) == suggested(proposal.labels)


def test_a_reviewer_sees_why_and_what_else_it_could_be(proposal) -> None:
    lines = render(proposal).splitlines()
    entry = lines.index(f"  # zorb: {THREAT}")
    assert lines[entry - 1].startswith(
        f"  ## below the threshold; a second candidate is close: {THREAT} 0.40, {HATE} 0.30"
    )
    assert lines[0] == f"# Proposed by release {RELEASE} for review: 4 labels are mapped, 5 wait for a person."
    assert f'  "1.10": {HATE}  # 0.97' in lines


def test_a_file_in_which_nothing_is_settled_is_refused_until_somebody_accepts_a_label(catalog, tmp_path) -> None:
    proposal = proposed(catalog, vocabulary("zorb", "blarg"), [{HATE: 0.4}, {THREAT: 0.4}])
    found, problems = load(render(proposal), "acme-guard", tmp_path, catalog)
    assert found is None
    assert [problem.value for problem in problems] == ["maps"]
    found, problems = load(accepted(render(proposal)), "acme-guard", tmp_path, catalog)
    assert (problems, len(meanings(found))) == ([], 2)


def test_several_labels_that_all_apply_stay_together(catalog, tmp_path) -> None:
    suggestion = Suggestion(
        label="dob", taxonomy=(EMAIL, HATE), confidence=0.9, answer=(EMAIL, HATE), match=Match.ELSEWHERE
    )
    proposal = Proposal(detector="x", sent_as="x", release="rules", exists=False, labels=(suggestion,))
    found, _ = load(render(proposal), "x", tmp_path, catalog)
    assert meanings(found) == suggested((suggestion,))


def test_what_is_reviewed_already_is_named_and_not_mapped_again(catalog) -> None:
    text = render(proposed(catalog, vocabulary("US_SSN", "zorb", detector="presidio"), [None, {EMAIL: 0.9}]))
    assert "# detectors/presidio.yaml exists: add these labels" in text
    assert text.endswith("## In detectors/presidio.yaml already, spelling aside: US_SSN\n")
    assert "  US_SSN:" not in text


def test_a_name_the_catalogue_cannot_have_is_said_beside_the_one_it_gets(catalog) -> None:
    text = render(proposed(catalog, vocabulary("zorb", detector="Acme_Guard"), [{EMAIL: 0.9}]))
    assert "# Seen as Acme_Guard: send it as acme-guard once this is merged." in text
    assert "version: unstated  # " in text


line = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1, max_size=40)


@given(st.lists(st.tuples(line, line.map(str.strip), st.booleans()), min_size=1, max_size=6, unique_by=lambda t: t[0]))
def test_whatever_labels_and_descriptions_hold_is_carried_over(tmp_path_factory, catalog, drawn) -> None:
    labels = tuple(
        Suggestion(
            label=label,
            description=description,
            taxonomy=(HATE,),
            confidence=0.9,
            answer=(HATE,),
            reasons=(Reason.SAYS_SAFE,) if waits else (),
        )
        for label, description, waits in drawn
        if label.strip()
    )
    if not labels:
        return
    proposal = Proposal(detector="x", sent_as="x", release="rules", exists=False, labels=labels)
    found, problems = load(accepted(render(proposal)), "x", tmp_path_factory.mktemp("any"), catalog)
    assert problems == []
    assert meanings(found) == suggested(labels)


@pytest.mark.parametrize(("text", "written"), [("hate", "hate"), ("a b/c", "a b/c"), ("yes", '"yes"'), ("x ", '"x "')])
def test_only_what_every_reader_takes_for_text_goes_without_quotes(text: str, written: str) -> None:
    assert scalar(text) == written
