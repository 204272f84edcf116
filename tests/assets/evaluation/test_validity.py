from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from mapper_assets.evaluation.validity import SchemaMissing, check, published_schema
from mapper_domain.ladder import Answer, safe

REPOSITORY = Path(__file__).parents[3]
LABELS = frozenset({"PII.Contact.Email", "OTHER.Safe"})


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    return published_schema(REPOSITORY)


def answer(**changed: object) -> Answer:
    """A good answer with some fields changed, unvalidated as a bug would leave it."""
    fields: dict[str, object] = {
        "labels": ("PII.Contact.Email",),
        "scores": {"PII.Contact.Email": 0.9},
        "confidence": 0.9,
        "route": "model",
    }
    return Answer.model_construct(**(fields | {"match": None, "agreement": None, "guess": None} | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize("good", [answer(), safe(), answer(confidence=0.0)])
def test_an_answer_of_the_ladder_makes_a_valid_event(good: Answer, schema: Draft202012Validator) -> None:
    assert check([("d", good)], schema, LABELS).rate == 1.0


@pytest.mark.parametrize(
    "broken",
    [
        {"labels": (), "scores": {}},
        {"labels": ("PII.NoSuchLabel",), "scores": {"PII.NoSuchLabel": 0.9}},
        {"scores": {}},
        {"scores": {"OTHER.Safe": 0.9}},
        {"confidence": 1.5},
        {"scores": {"PII.Contact.Email": -0.1}},
        {"route": "guesswork"},
        {"guess": ("x" * 600, 0.5)},
    ],
)
def test_a_broken_answer_is_counted_as_invalid(broken: dict[str, object], schema: Draft202012Validator) -> None:
    found = check([("d", answer(**broken)), ("d", answer())], schema, LABELS)
    assert (found.checked, found.valid) == (2, 1)


def test_a_missing_schema_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaMissing, match=r"taxonomy/schema\.json"):
        published_schema(tmp_path)
