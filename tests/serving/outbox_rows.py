"""Rows to put into an outbox, and what an outbox holds."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mapper_serving.outbox.open import draining
from mapper_serving.outbox.rows import Event, Rejection, Replay
from mapper_serving.outbox.store import Shipment
from mapper_serving.settings import Settings

DAY = "2026-11-23"
AT = f"{DAY}T10:00:00+00:00"


def event(number: object, *, tenant: str = "acme", day: str = DAY, size: int = 10) -> Event:
    """An event whose id is its number."""
    return Event(tenant, day, str(number), "{}", "x" * size)


def rejection(number: object, *, tenant: str = "acme") -> Rejection:
    """A rejection whose id is its number."""
    return Rejection(tenant, DAY, str(number), AT, "not-utf8")


def reservation(key: str = "k", *, tenant: str = "acme", seconds: float = 60) -> Replay:
    """The place of a reply that is not there yet."""
    return Replay(tenant, "/map", key, "hmac", 0, {}, None, datetime.now(UTC) + timedelta(seconds=seconds))


def reply(key: str = "k", body: bytes = b"answer", *, tenant: str = "acme") -> Replay:
    """A reply to keep."""
    return reservation(key, tenant=tenant)._replace(status=200, headers={"X-Event-Id": "1"}, body=body)


def held(settings: Settings) -> dict[tuple[str, str], Shipment]:
    """Everything in the outbox by tenant and day. It plans shipments, so look when nothing more will come."""
    with draining(settings, "segments", wait=True) as drain:
        assert drain is not None
        found = {}
        for key in drain.waiting():
            with drain.claim(key, 1_000_000) as shipment:
                assert shipment is not None
                found[key] = shipment
        return found


def ids(shipments: Iterable[Shipment]) -> list[str]:
    """Ids of events in the order of their numbers."""
    return [stored.event_id for shipment in shipments for stored in shipment.events]
