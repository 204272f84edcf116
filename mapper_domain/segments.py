"""Segments: the columns stored events and rejections have, and how a record becomes a row.

The one contract between the service that writes segments and the reports that read them. Plain
names and types; turning them into a file is the writer's business.
"""

from collections.abc import Mapping

from mapper_domain.events import EventRecord, RejectionRecord

SEGMENT_SCHEMA_VERSION = "1"
"""Stored as `schema_version` in every segment's key-value metadata."""

EVENT_COLUMNS: Mapping[str, str] = {
    "event_id": "string",
    "tenant_id": "string",
    "sequence": "int64",
    "occurred_at": "timestamp[us, UTC]",
    "recorded_at": "timestamp[us, UTC]",
    "source_label": "string?",
    "source_label_hmac": "string?",
    "detector": "string",
    "detector_version": "string",
    "vendor": "string",
    "taxonomy": "list<string>",
    "scores": "map<string, double>",
    "confidence": "double",
    "notes": "string",
    "route": "string",
    "model": "string",
    "raw_ref": "string",
    "environment": "string",
    "expected_detectors": "list<string>",
    "controls": "list<string>",
    "taxonomy_version": "string",
    "frameworks_version": "string",
    "release": "string",
    "catalog_sha256": "string",
    "prompt_version": "string",
    "event_json": "string",
}
"""Column name to Arrow type, in file order; a type ending in `?` may be null."""

REJECTION_COLUMNS: Mapping[str, str] = {
    "rejection_id": "string",
    "tenant_id": "string",
    "occurred_at": "timestamp[us, UTC]",
    "code": "string",
}
"""The same for refused requests."""


def to_row(record: EventRecord, event_json: str | None = None) -> dict[str, object]:
    """One row of an event segment.

    Args:
        record: the stored record.
        event_json: the canonical event exactly as it was answered; serialised from the record when absent.
    """
    event, versions = record.event, record.versions
    return {
        "event_id": record.event_id,
        "tenant_id": record.tenant_id,
        "sequence": record.sequence,
        "occurred_at": record.occurred_at,
        "recorded_at": record.recorded_at,
        "source_label": record.source_label,
        "source_label_hmac": record.source_label_hmac,
        "detector": event.provenance.detector,
        "detector_version": event.provenance.detector_version,
        "vendor": event.provenance.vendor,
        "taxonomy": list(event.taxonomy),
        "scores": list(event.scores.items()),
        "confidence": event.confidence,
        "notes": event.notes,
        "route": event.provenance.route,
        "model": event.provenance.model,
        "raw_ref": event.provenance.raw_ref,
        "environment": event.policy_context.environment,
        "expected_detectors": list(event.policy_context.expected_detectors),
        "controls": list(record.controls),
        "taxonomy_version": versions.taxonomy,
        "frameworks_version": versions.frameworks,
        "release": versions.release,
        "catalog_sha256": versions.catalog,
        "prompt_version": versions.prompt,
        "event_json": event.model_dump_json() if event_json is None else event_json,
    }


def to_rejection_row(record: RejectionRecord) -> dict[str, object]:
    """One row of a rejection segment."""
    return record.model_dump()


def segment_name(first_id: str, sha256: str) -> str:
    """File name of a segment: the id of its first row and 16 hex digits of the SHA-256 of its bytes."""
    return f"{first_id}-{sha256[:16]}.parquet"
