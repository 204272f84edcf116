from pathlib import Path

import pytest

from mapper_domain.catalog import load
from mapper_domain.subjects import _WORDS, about, subjects

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("detector", "kind", "expected"),
    [
        ("acme-pii-scanner", "", {"PII"}),
        ("AcmeMedicalPHI", "", {"PII", "PII.Health"}),
        ("acme", "secrets", {"SECRETS"}),
        ("toxic-bert", "moderation", {"HARM", "HARM.SPEECH"}),
        ("prompt-shield", "", {"JAILBREAK", "PROMPT_INJECTION"}),
        ("acme", "", set()),
        ("phishy", "", set()),
        ("", "", set()),
    ],
)
def test_a_detector_is_about_what_words_of_its_name_or_kind_say(detector: str, kind: str, expected: set[str]) -> None:
    assert subjects(detector, kind) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [("PII.Health.Clinical", True), ("PII.Health", True), ("PII.Person.Name", False), ("PIIX", False), ("PII", False)],
)
def test_a_label_is_on_a_path_or_below_it(label: str, expected: bool) -> None:
    assert about(label, frozenset({"PII.Health"})) is expected


def test_every_path_leads_to_a_label() -> None:
    names = load(REPOSITORY).taxonomy.names
    for path in {path for paths in _WORDS for path in paths}:
        assert any(about(name, frozenset({path})) for name in names), path


def test_no_word_is_said_twice() -> None:
    said = [word for found in _WORDS.values() for word in found.split()]
    assert len(said) == len(set(said))
