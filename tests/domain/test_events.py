"""An event names a score for exactly its labels, and has no place for raw input."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from mapper_domain.events import CanonicalEvent, EventRecord, PolicyContext, Provenance, segment_folder

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def event(**changes: Any) -> CanonicalEvent:
    fields: dict[str, Any] = {
        "taxonomy": ("PII.Identifier.SSN",),
        "scores": {"PII.Identifier.SSN": 1.0},
        "confidence": 1.0,
        "provenance": Provenance(detector="presidio", route="rules", model="rules", tenant_id="acme", ts=NOW),
        "policy_context": PolicyContext(),
    }
    return CanonicalEvent(**(fields | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"taxonomy": ()},
        {"scores": {}},
        {"scores": {"PII.Identifier.SSN": 1.0, "OTHER.Safe": 0.0}},
        {"scores": {"PII.Identifier.SSN": 1.5}},
        {"confidence": -0.1},
        {"notes": "x" * 501},
        {"taxonomy": ("PII.Identifier.SSN", "PII.Identifier.SSN")},
        {"raw": "the matched text"},
    ],
)
def test_an_event_that_breaks_the_contract_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        event(**changes)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="timezone"):
        Provenance(
            detector="x",
            route="rules",
            model="rules",
            tenant_id="acme",
            ts=datetime(2026, 1, 1),
        )


@pytest.mark.parametrize("word", ["raw", "text", "input", "output", "match", "value", "content"])
def test_no_stored_field_could_hold_raw_input(word: str) -> None:
    names = {*EventRecord.model_fields, *CanonicalEvent.model_fields, *Provenance.model_fields}
    assert not {name for name in names if word in name.split("_")} - {"raw_ref"}


def test_segments_lie_by_tenant_then_day() -> None:
    assert segment_folder("acme", "2026-11-20") == "tenant=acme/day=2026-11-20"
