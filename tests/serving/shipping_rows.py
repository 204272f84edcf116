"""Real rows to ship, and what has to be true once they are shipped."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from outbox_rows import held

from mapper_domain.events import CanonicalEvent, DayLedger, PolicyContext, Provenance, Versions, segment_folder
from mapper_serving.ids import uuid7
from mapper_serving.objects import Objects, open_objects
from mapper_serving.outbox.open import open_outbox
from mapper_serving.outbox.rows import Event, Rejection, Row
from mapper_serving.settings import Settings
from mapper_serving.shipping.drain import Shipped
from mapper_serving.shipping.segments import read
from mapper_serving.shipping.shipper import ship_segments

DAY = "2026-11-22"
AT = f"{DAY}T10:00:00+00:00"


def event(tenant: str = "acme", day: str = DAY) -> Event:
    """An event as the service records it."""
    at = f"{day}T10:00:00+00:00"
    answer = CanonicalEvent(
        taxonomy=("PII.Other",),
        scores={"PII.Other": 1.0},
        confidence=1.0,
        provenance=Provenance(detector="presidio", route="rules", model="rules", tenant_id=tenant, ts=at),
        policy_context=PolicyContext(),
    )
    versions = Versions(taxonomy="1", frameworks="1", release="rules", catalog="0", prompt="1")
    record = {"occurred_at": at, "versions": versions.model_dump(), "controls": [], "source_label": "PERSON"}
    return Event(tenant, day, uuid7(), json.dumps(record), answer.model_dump_json())


def rejection(tenant: str = "acme") -> Rejection:
    """A rejection as the service records it."""
    return Rejection(tenant, DAY, uuid7(), AT, "not-utf8")


def append(place: Settings, rows: Iterable[Row]) -> None:
    """Put rows into an outbox, through an opening of one's own."""
    outbox = open_outbox(place)
    asyncio.run(outbox.append(list(rows)))
    outbox.close()


def shipped(place: Settings) -> Shipped:
    """Ship everything; what that moved."""
    rounds = list(ship_segments(place))
    return Shipped(sum(r.events for r in rounds), sum(r.rejections for r in rounds))


def objects_of(place: Settings) -> Objects:
    """Where its segments lie."""
    return open_objects(place.segments or place.artifacts)


def rows_at(objects: Objects, folder: str) -> list[dict[str, Any]]:
    """Rows of all segments in a folder."""
    segments = [key for key in objects.names(folder, "") if key.endswith(".parquet")]
    return [row for key in segments for row in read(objects, key).to_pylist()]


def check_complete(place: Settings, sent: Iterable[Row]) -> None:
    """Every row sent is in the segments once, numbered without gaps, the ledgers say so, and the outbox is empty."""
    rows, objects = list(sent), objects_of(place)
    for key in {(row.tenant_id, row.day) for row in rows}:
        folder = segment_folder(*key)
        accepted = [row for row in rows if isinstance(row, Event) and row[:2] == key]
        refused = [row for row in rows if isinstance(row, Rejection) and row[:2] == key]
        found = rows_at(objects, f"events/{folder}")
        assert sorted(row["event_id"] for row in found) == sorted(row.event_id for row in accepted)
        assert sorted(row["sequence"] for row in found) == list(range(1, len(accepted) + 1))
        assert {row["event_id"]: row["event_json"] for row in found} == {row.event_id: row.event for row in accepted}
        ids = [row["rejection_id"] for row in rows_at(objects, f"rejections/{folder}")]
        assert sorted(ids) == sorted(row.rejection_id for row in refused)
        ledger = DayLedger.model_validate_json(objects.read(f"ledgers/{folder}/ledger.json") or b"")
        counts = (ledger.received, ledger.accepted, ledger.rejected, ledger.last_sequence)
        assert counts == (len(accepted) + len(refused), len(accepted), len(refused), len(accepted))
    assert held(place) == {}
