"""Other spellings keep the words of a label, or add a word that changes nothing."""

import pytest

from mapper_assets.training.augmentation import spellings
from mapper_domain.catalog import Catalog
from mapper_domain.text import normalise


@pytest.mark.parametrize(
    ("label", "spelling", "style"),
    [
        ("US_SSN", "us_ssn", "case"),
        ("US_SSN", "us-ssn", "separator"),
        ("US_SSN", "usSsn", "camel"),
        ("US_SSN", "UsSsn", "camel"),
        ("hate/threatening", "hate_threatening", "separator"),
        ("Secret Keyword", "Secret Keywords", "plural"),
        ("US_SSN", "presidio:US_SSN", "affix"),
        ("US_SSN", "US_SSN_v2", "affix"),
        ("private-key", "label-private-key", "affix"),
        ("EMAIL", "EMAILS", "plural"),
    ],
)
def test_a_label_is_spelt_as_integrators_spell_it(label: str, spelling: str, style: str) -> None:
    assert (spelling, style) in spellings(label, "presidio")


@pytest.mark.parametrize("label", ["S", "SSS", "categories", "bias", "nudity", "CWE-22"])
def test_words_whose_plural_is_not_an_added_s_are_left_alone(label: str) -> None:
    assert "plural" not in {spelling.style for spelling in spellings(label, "x")}


def test_without_affixes_every_spelling_has_the_same_words(catalog: Catalog) -> None:
    for detector in catalog.detectors:
        for mapping in detector.maps:
            for spelling in spellings(mapping.label, detector.name, affixes=False):
                assert normalise(spelling.text) == normalise(mapping.label), spelling


def test_spellings_are_unique_and_never_the_label_itself(catalog: Catalog) -> None:
    for detector in catalog.detectors:
        for mapping in detector.maps:
            texts = [spelling.text for spelling in spellings(mapping.label, detector.name)]
            assert len(texts) == len(set(texts))
            assert mapping.label not in texts


def test_whole_sentences_are_only_changed_in_case() -> None:
    label = "The prompt shall not contain or seek generation of hate speech"
    assert {spelling.style for spelling in spellings(label, "x")} == {"case"}


def test_a_label_without_latin_words_is_left_alone() -> None:
    assert spellings("***", "x") == ()
