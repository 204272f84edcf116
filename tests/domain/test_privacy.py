"""What may be stored of what a caller sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.catalog import Catalog
from mapper_domain.privacy import (
    MAX_LABEL_CHARS,
    is_label_like,
    is_name,
    is_reference,
    is_version,
    lexicon,
    looks_private,
    may_store,
    may_store_name,
)

SECRETS = (
    "523-45-6789",
    "4111 1111 1111 1111",
    "4111111111111111",
    "jane.doe@example.com",
    "555-123-4567",
    "(555) 123-4567",
    "+44 20 7946 0958",
    "192.168.10.1",
    "DE89 3704 0044 0532 0130 00",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "sk-proj-abc123",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0",
    "-----BEGIN RSA PRIVATE KEY-----",
    "d41d8cd98f00b204e9800998ecf8427e",
    "a1b2c3d4e5f6g7h8i9j0",
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


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_and_personal_numbers_look_private(text: str) -> None:
    assert looks_private(text)


@pytest.mark.parametrize("text", [*LABELS, "omni-moderation-2024-09-26", "presidio-analyzer 2.2.363", "v1", "20240926"])
def test_labels_and_versions_do_not(text: str) -> None:
    assert not looks_private(text)


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
    [("brand-new-guard", True), ("acme/guard_2.1", True), ("Jane Doe", False), ("", False), ("523-45-6789", False)],
)
def test_a_detectors_name_is_short_without_blanks_and_not_private(text: str, fit: bool) -> None:
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
        ("Jane Doe", False),
    ],
)
def test_a_reference_points_elsewhere(text: str, fit: bool) -> None:
    assert is_reference(text) is fit
