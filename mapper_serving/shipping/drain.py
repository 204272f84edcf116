"""From the outbox to segments: each row exactly once, whatever is killed when.

For one tenant and day: fix the bounds of the shipment in the outbox, write its segments, then the day ledger, then
note the rows as shipped and remove them. A round that died is done again with the same bounds, so it writes the same
rows under the same names.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from mapper_domain.events import DayLedger, EventRecord, RejectionRecord, segment_folder
from mapper_domain.segments import EVENT_COLUMNS, REJECTION_COLUMNS, to_rejection_row, to_row
from mapper_serving.objects import Objects
from mapper_serving.outbox.store import Drain, Shipment
from mapper_serving.shipping import segments

EVENTS, REJECTIONS, LEDGERS = "events", "rejections", "ledgers"
"""Top folders of the object store, named as in `mapper_domain.layout.Layout`."""


class Shipped(NamedTuple):
    """What was moved."""

    events: int = 0
    rejections: int = 0


def ship(drain: Drain, objects: Objects, *, rows: int, deliver: bool = False) -> Iterator[Shipped]:
    """Ship everything that is in the outbox when this begins, yielding after each shipment.

    Args:
        drain: the outbox.
        objects: where segments and ledgers go.
        rows: most rows of one segment.
        deliver: whether the segments are to be delivered further.
    """
    goals = drain.waiting()
    while goals:
        for key, goal in list(goals.items()):
            with drain.claim(key, rows) as shipment:
                if shipment is None:
                    del goals[key]
                    continue
                written = _write(shipment, objects)
                drain.finish(shipment, written if deliver else (), datetime.now(UTC))
            yield Shipped(len(shipment.events), len(shipment.rejections))
            if shipment.upto.accepted >= goal.accepted and shipment.upto.rejected >= goal.rejected:
                del goals[key]


def _write(shipment: Shipment, objects: Objects) -> list[str]:
    """Write the segments, then the ledger that counts them; the keys of event segments."""
    folder = segment_folder(*shipment.key)
    written = []
    events = list(_event_rows(shipment))
    if events:
        written.append(segments.write(objects, f"{EVENTS}/{folder}", EVENT_COLUMNS, events))
    rejections = list(_rejection_rows(shipment))
    if rejections:
        segments.write(objects, f"{REJECTIONS}/{folder}", REJECTION_COLUMNS, rejections)
    ledger = _ledger(shipment)

    def newer(content: bytes | None) -> bytes | None:
        """A shipper that was slow must not put an older ledger over a newer one."""
        if content and DayLedger.model_validate_json(content).received > ledger.received:
            return None
        return ledger.model_dump_json().encode() + b"\n"

    objects.update(f"{LEDGERS}/{folder}/ledger.json", newer)
    return written


def _ledger(shipment: Shipment) -> DayLedger:
    tenant, day = shipment.key
    moments = [event.recorded_at for event in shipment.events] or [shipment.rejections[-1].occurred_at]
    return DayLedger(
        tenant_id=tenant,
        day=day,
        received=sum(shipment.upto),
        accepted=shipment.upto.accepted,
        rejected=shipment.upto.rejected,
        last_sequence=shipment.upto.accepted,
        updated_at=max(moments),
    )


def _event_rows(shipment: Shipment) -> Iterator[dict[str, object]]:
    for stored in shipment.events:
        fields = {
            **json.loads(stored.record),
            "event_id": stored.event_id,
            "tenant_id": shipment.key[0],
            "sequence": stored.sequence,
            "recorded_at": stored.recorded_at,
            "event": json.loads(stored.event),
        }
        yield to_row(EventRecord.model_validate(fields), stored.event)


def _rejection_rows(shipment: Shipment) -> Iterator[dict[str, object]]:
    tenant, _ = shipment.key
    for id_, moment, code in shipment.rejections:
        yield to_rejection_row(RejectionRecord(rejection_id=id_, tenant_id=tenant, occurred_at=moment, code=code))
