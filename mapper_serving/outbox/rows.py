"""What goes into the outbox: events, rejections, and replies that are kept to be given again."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from mapper_domain.errors import MapperError


class Event(NamedTuple):
    """A canonical event on its way to disk.

    Attributes:
        day: UTC day of its `occurred_at`, `yyyy-mm-dd`.
        record: JSON of an `EventRecord` without `event_id`, `tenant_id`, `sequence`, `recorded_at` and `event`.
        event: the canonical event's JSON exactly as it is answered.
    """

    tenant_id: str
    day: str
    event_id: str
    record: str
    event: str


class Rejection(NamedTuple):
    """A refused request on its way to disk; `occurred_at` is ISO 8601 in UTC."""

    tenant_id: str
    day: str
    rejection_id: str
    occurred_at: str
    code: str


Row = Event | Rejection


class Replay(NamedTuple):
    """A reply that is kept under the caller's idempotency key, or the reservation of its place.

    Attributes:
        route: path template; a key counts for one route of one tenant.
        key_sha256: hex digest of the key the caller chose.
        request_hmac: what tells the same request from another one under the same key.
        body: None while the request is being answered: a reservation.
        expires_at: with time zone; from then on the place is free.
    """

    tenant_id: str
    route: str
    key_sha256: str
    request_hmac: str
    status: int
    headers: Mapping[str, str]
    body: bytes | None
    expires_at: datetime


class ReplayTaken(MapperError):
    """Another request holds this idempotency key; nothing of the submission was stored."""
