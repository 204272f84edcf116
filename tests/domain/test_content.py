"""What looks like content, and that no label of the catalogue or the lexicon does."""

import pytest
from contents import PROSE, SECRETS

from mapper_domain.catalog import Catalog
from mapper_domain.content import looks_like_content, looks_private, reads_like_prose
from mapper_domain.lexicon import Lexicon

LABELS = (
    "US_SSN",
    "hate/threatening",
    "PII.Identifier.SSN",
    "The text attacks people for their religion",
    "SlovakiaBankAccountNumber",
    "AV05 Cheating People of Money",
    "ghp-token",
    "pk_bank_account_number",
)


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_and_personal_numbers_look_private(text: str) -> None:
    assert looks_private(text)


@pytest.mark.parametrize("text", [*LABELS, "omni-moderation-2024-09-26", "presidio-analyzer 2.2.363", "v1", "20240926"])
def test_labels_and_versions_do_not(text: str) -> None:
    assert not looks_private(text)


@pytest.mark.parametrize("text", PROSE)
def test_prose_about_somebody_reads_like_prose(text: str) -> None:
    assert reads_like_prose(text)


@pytest.mark.parametrize("text", [*SECRETS, *PROSE, "Jane Doe\nasthma", "x\u2028y"])
def test_all_of_it_looks_like_content_and_so_do_several_lines(text: str) -> None:
    assert looks_like_content(text)


@pytest.mark.parametrize("text", [*LABELS, "", " ", "Jane Doe", "hunter2", "i will hurt you", "my tax number"])
def test_labels_do_not_and_neither_a_name_nor_a_short_phrase_can_be_told_from_one(text: str) -> None:
    assert not looks_like_content(text)


def test_no_label_of_a_detector_is_taken_for_content(catalog: Catalog) -> None:
    assert [m.label for d in catalog.detectors for m in d.maps if looks_like_content(m.label)] == []


def test_no_form_of_the_lexicon_is_taken_for_content(lexicon: Lexicon) -> None:
    written = (form for c in lexicon.concepts for form in (*c.forms, *c.described, *c.contrasts))
    assert [form for form in (*written, *lexicon.crossed) if looks_like_content(form)] == []


def test_nearly_no_form_is_in_another_spelling(lexicon: Lexicon) -> None:
    forms = [form for c in lexicon.concepts for form in (*c.forms, *c.described)]
    spelt = [spelling for form in forms for spelling in (form.replace(" ", "_").upper(), form.title().replace(" ", ""))]
    assert sum(map(looks_like_content, spelt)) <= 0.0001 * len(spelt)


def test_of_the_labels_of_invented_detectors_two_do_because_they_are_written_as_people_talk(lexicon: Lexicon) -> None:
    invented = [mapping.label for detector in lexicon.detectors for mapping in detector.maps]
    talking = ["TRICK/tell_it_to_my_server", "The text was stopped by a word list"]
    assert [label for label in invented if looks_like_content(label)] == talking


def test_descriptions_of_labels_may_be_sentences_and_hardly_any_looks_private(lexicon: Lexicon) -> None:
    described = [text for c in lexicon.concepts for text in (*c.descriptions, *c.described.values())]
    assert sum(map(looks_private, described)) <= 0.001 * len(described)
