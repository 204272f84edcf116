"""What may be stored of what a caller sent."""

import pytest
from contents import SECRETS
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.catalog import Catalog
from mapper_domain.privacy import (
    MAX_LABEL_CHARS,
    hashed_name,
    is_hashed_name,
    is_label_like,
    is_name,
    is_reference,
    is_version,
    lexicon,
    may_store,
    may_store_name,
)

LABELS = (
    "US_SSN",
    "hate/threatening",
    "Self-Harm",
    "S14",
    "PII.Identifier.SSN",
    "VIOLENT_CONTENT",
    "credit card numbers",
)
PROSE = (
    "Jane Doe",
    "hunter2",
    "my password is swordfish",
    "the patient was treated for asthma",
    "Springfield",
    "",
    " ",
    "x\ny",
)


@pytest.fixture(scope="module")
def known_words(catalog: Catalog) -> frozenset[str]:
    """Words of the shipped catalogue."""
    return lexicon(catalog)


@pytest.mark.parametrize("text", LABELS)
def test_a_label_of_known_words_may_be_stored(text: str, known_words: frozenset[str]) -> None:
    assert is_label_like(text, known_words)


@pytest.mark.parametrize("text", [*SECRETS, *PROSE])
def test_anything_else_may_not(text: str, known_words: frozenset[str]) -> None:
    assert not is_label_like(text, known_words)


def test_every_label_of_a_detectors_own_vocabulary_may_be_stored(catalog: Catalog, known_words: frozenset[str]) -> None:
    for detector in catalog.detectors:
        for mapping in detector.maps:
            assert may_store(mapping.label, detector, known_words)


@given(st.text(min_size=MAX_LABEL_CHARS + 1))
def test_nothing_long_is_label_like(text: str) -> None:
    assert not is_label_like(text, {"x"})


@given(st.text(st.characters(categories=("Nd",)), max_size=30))
def test_no_number_is_label_like(text: str) -> None:
    assert not is_label_like(text, frozenset())


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("brand-new-guard", True),
        ("acme/guard_2.1", True),
        ("Jane Doe", False),
        ("", False),
        ("523-45-6789", False),
        ("the-patient-was-treated-for-asthma", False),
    ],
)
def test_a_detectors_name_is_short_without_blanks_and_shows_no_sign_of_content(text: str, fit: bool) -> None:
    assert is_name(text) is fit


@pytest.mark.parametrize(
    "text", ["our-new-guard", "my_pii_scanner_2", "toxicity-classifier-v2", "presidio", "llama-guard-3"]
)
def test_a_detectors_name_of_known_words_may_be_stored(text: str, known_words: frozenset[str]) -> None:
    assert may_store_name(text, known_words)


@pytest.mark.parametrize("text", [*SECRETS, *PROSE, "canary-hunter2", "JaneDoe", "password123", "12", "Tr0ub4dor"])
def test_another_name_may_not(text: str, known_words: frozenset[str]) -> None:
    assert not may_store_name(text, known_words)


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("2.2.363", True),
        ("v1", True),
        ("1.0.0-rc.2", True),
        ("2024-09-26", True),
        ("hunter2", False),
        ("latest", False),
        ("523-45-6789", False),
    ],
)
def test_a_version_is_a_version_number(text: str, fit: bool) -> None:
    assert is_version(text) is fit


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("s3://evidence/2026/11/23/object.json", True),
        ("https://tickets.example/INC-4711", True),
        ("urn:uuid:01a2072a-b552-793e-a422-7b3824c6474d", True),
        ("01a2072a-b552-793e-a422-7b3824c6474d", True),
        ("https://host/a?token=b", False),
        ("https://user:pass@host/a", False),
        ("file:///etc/passwd", False),
        ("s3://bucket/jane@example.com", False),
        ("s3://bucket/523-45-6789", False),
        ("s3://bucket/SmFuZSBEb2UsIGRpYWJldGlj", False),
        ("s3://bucket/the-patient-was-treated-for-asthma", False),
        ("s3://bucket/tenant/acme/run/17/part/1/of/9/in/this/year/of/the/dog", True),
        ("Jane Doe", False),
    ],
)
def test_a_reference_points_elsewhere(text: str, fit: bool) -> None:
    assert is_reference(text) is fit


def test_what_stands_for_a_name_that_may_not_be_stored_is_told_from_names() -> None:
    stored = hashed_name("0123456789abcdef" * 4)
    assert is_hashed_name(stored)
    assert not is_hashed_name("unlisted-scanner")
    assert "0123456789abcdef" * 2 not in stored
