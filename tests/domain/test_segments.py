"""Rows of segments are what the published columns say."""

from datetime import UTC, datetime

from mapper_domain.events import CanonicalEvent, EventRecord, PolicyContext, Provenance, RejectionRecord, Versions
from mapper_domain.segments import EVENT_COLUMNS, REJECTION_COLUMNS, segment_name, to_rejection_row, to_row

AT = datetime(2026, 11, 23, 10, tzinfo=UTC)


def record() -> EventRecord:
    provenance = Provenance(
        detector="presidio", route="rules", model="rules", tenant_id="acme", ts=AT, raw_ref="s3://a/b"
    )
    event = CanonicalEvent(
        taxonomy=("PII.Other", "PII.Contact.Email"),
        scores={"PII.Other": 0.5, "PII.Contact.Email": 0.25},
        confidence=0.25,
        provenance=provenance,
        policy_context=PolicyContext(expected_detectors=("presidio",), environment="dev"),
    )
    return EventRecord(
        event_id="1",
        tenant_id="acme",
        sequence=7,
        occurred_at=AT,
        recorded_at=AT,
        source_label_hmac="ab",
        versions=Versions(taxonomy="t", frameworks="f", release="r", catalog="c", prompt="p"),
        controls=("SOC2@2017:CC7.2",),
        event=event,
    )


def test_an_event_row_has_exactly_the_published_columns_in_order() -> None:
    row = to_row(record())
    assert tuple(row) == tuple(EVENT_COLUMNS)
    assert {name for name, value in row.items() if value is None} == {"source_label"}
    assert (row["sequence"], row["release"], row["catalog_sha256"], row["environment"]) == (7, "r", "c", "dev")
    assert row["scores"] == [("PII.Other", 0.5), ("PII.Contact.Email", 0.25)]


def test_only_nullable_columns_may_be_missing() -> None:
    assert {name for name, kind in EVENT_COLUMNS.items() if kind.endswith("?")} == {"source_label", "source_label_hmac"}
    assert not [kind for kind in REJECTION_COLUMNS.values() if kind.endswith("?")]


def test_a_row_keeps_the_answer_as_it_was_given_or_serialises_it_again() -> None:
    assert to_row(record(), '{"as": "answered"}')["event_json"] == '{"as": "answered"}'
    assert CanonicalEvent.model_validate_json(str(to_row(record())["event_json"])) == record().event


def test_a_rejection_row_has_exactly_the_published_columns() -> None:
    row = to_rejection_row(RejectionRecord(rejection_id="1", tenant_id="acme", occurred_at=AT, code="not-utf8"))
    assert tuple(row) == tuple(REJECTION_COLUMNS)


def test_a_segment_is_named_by_its_first_row_and_its_content() -> None:
    assert segment_name("first", "0123456789abcdef" + "f" * 48) == "first-0123456789abcdef.parquet"
