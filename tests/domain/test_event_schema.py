import json
from datetime import UTC, datetime
from typing import Any

import pytest
from catalogs import REPOSITORY
from jsonschema import Draft202012Validator

from mapper_domain.catalog import load
from mapper_domain.event_schema import event_schema
from mapper_domain.events import CanonicalEvent, PolicyContext, Provenance
from mapper_domain.taxonomy import Taxonomy


@pytest.fixture(scope="module")
def taxonomy() -> Taxonomy:
    return load(REPOSITORY).taxonomy


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((REPOSITORY / "taxonomy" / "schema.json").read_text())
    return document


@pytest.fixture
def event() -> dict[str, Any]:
    return CanonicalEvent(
        taxonomy=("HARM.SPEECH.Toxicity", "HARM.SPEECH.Insult"),
        scores={"HARM.SPEECH.Toxicity": 0.98, "HARM.SPEECH.Insult": 0.71},
        confidence=0.98,
        notes="",
        provenance=Provenance(
            detector="deberta-toxicity",
            route="model",
            model="0123456789abcdef",
            tenant_id="acme",
            ts=datetime(2026, 11, 23, 12, tzinfo=UTC),
        ),
        policy_context=PolicyContext(expected_detectors=("deberta-toxicity",), environment="prod"),
    ).model_dump(mode="json")


def faults(published: dict[str, Any], event: dict[str, Any]) -> list[str]:
    validator = Draft202012Validator(published, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [error.json_path for error in validator.iter_errors(event)]


def test_the_published_schema_is_a_schema(published: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(published)


def test_the_published_file_is_what_the_event_type_and_the_taxonomy_say(
    published: dict[str, Any], taxonomy: Taxonomy
) -> None:
    assert published == event_schema(taxonomy)


def test_its_labels_are_those_of_the_taxonomy(published: dict[str, Any], taxonomy: Taxonomy) -> None:
    assert published["$defs"]["Label"]["enum"] == sorted(taxonomy.names)
    assert len(published["$defs"]["Label"]["enum"]) == 131


def test_an_event_as_answered_is_valid(published: dict[str, Any], event: dict[str, Any]) -> None:
    assert faults(published, event) == []


def test_no_object_lets_an_undeclared_field_through(published: dict[str, Any]) -> None:
    objects = [published, *(d for d in published["$defs"].values() if d["type"] == "object")]
    assert len(objects) == 3
    assert all(part["additionalProperties"] is False for part in objects)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"taxonomy": []}, "$.taxonomy"),
        ({"taxonomy": ["HARM.SPEECH.Toxicity", "HARM.SPEECH.Toxicity"]}, "$.taxonomy"),
        ({"taxonomy": ["HARM.SPEECH.Rudeness"]}, "$.taxonomy[0]"),
        ({"scores": {"HARM.SPEECH.Toxicity": 1.2}}, "$.scores['HARM.SPEECH.Toxicity']"),
        ({"scores": {"HARM.SPEECH.Rudeness": 0.2}}, "$.scores"),
        ({"scores": {}}, "$.scores"),
        ({"confidence": -0.1}, "$.confidence"),
        ({"notes": "x" * 501}, "$.notes"),
        ({"text": "what the detector scanned"}, "$"),
        ({"provenance": {"detector": "x"}}, "$.provenance"),
        ({"policy_context": {"environment": "production"}}, "$.policy_context.environment"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_event_that_breaks_the_contract_is_refused(
    published: dict[str, Any], event: dict[str, Any], change: dict[str, Any], where: str
) -> None:
    assert where in faults(published, event | change)


@pytest.mark.parametrize("tenant", ["../etc", "Acme", "a" * 64, "-acme"])
def test_a_tenant_id_that_could_escape_a_path_is_refused(
    published: dict[str, Any], event: dict[str, Any], tenant: str
) -> None:
    event["provenance"]["tenant_id"] = tenant
    assert faults(published, event) == ["$.provenance.tenant_id"]
