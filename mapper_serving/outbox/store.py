"""What a database must do to be an outbox. One connection each for writing, for looking up and for draining."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

from mapper_serving.outbox.rows import Replay, Row


class Submission(NamedTuple):
    """Rows that become durable together or not at all, with the reply that may be kept beside them."""

    rows: Sequence[Row]
    replay: Replay | None = None


class Backlog(NamedTuple):
    """What waits.

    Attributes:
        rows: rows not shipped to segments.
        oldest: when the oldest of them was recorded; None where there is none.
        fill: share of the space that is taken, 0 to 1; 0 where the database sets no bound.
        deliveries: segments written and not loaded into ClickHouse.
        oldest_delivery: when the oldest of those was written.
    """

    rows: int
    oldest: datetime | None = None
    fill: float = 0.0
    deliveries: int = 0
    oldest_delivery: datetime | None = None


class StoreFailed(Exception):
    """The database refused or failed. Its message repeats nothing of a row."""


class Store(Protocol):
    """Where the outbox keeps its rows. `append`, `backlog` and `durability` are called by one thread at a time."""

    def append(self, submissions: Sequence[Submission], now: datetime) -> Sequence[bool]:
        """Write, number and count all rows in one durable transaction.

        Returns:
            For each submission whether it was stored; it is not where its replay's place is taken.

        Raises:
            Exception: when nothing was written; `StoreFailed` with a message for people.
        """
        ...

    def backlog(self) -> Backlog:
        """What waits, whoever wrote it."""
        ...

    def durability(self) -> Mapping[str, str]:
        """The settings that decide what a commit means, as the database reports them."""
        ...

    def find_replay(self, tenant_id: str, route: str, key_sha256: str, now: datetime) -> Replay | None:
        """The reply kept under a key, or its reservation; safe from any thread."""
        ...

    def release_replay(self, replay: Replay) -> None:
        """Give up a reservation, so that the key can be tried again; safe from any thread."""
        ...

    def days(self, tenant_id: str) -> Mapping[str, int]:
        """How many events a tenant had, shipped or not, on each UTC day that had any, in order; from any thread."""
        ...

    def events(self, tenant_id: str, day: str, after: int, most: int) -> Sequence["StoredEvent"]:
        """At most so many events of a day that wait, in order, those after a sequence; safe from any thread."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


DayKey = tuple[str, str]
"""Tenant and UTC day."""


class Counts(NamedTuple):
    """Events and rejections of one tenant and day, counted from its beginning."""

    accepted: int
    rejected: int


class StoredEvent(NamedTuple):
    """An event as the outbox has it; `record` and `event` as in `Event`."""

    sequence: int
    event_id: str
    recorded_at: datetime
    record: str
    event: str


class StoredRejection(NamedTuple):
    """A rejection as the outbox has it."""

    rejection_id: str
    occurred_at: datetime
    code: str


class Shipment(NamedTuple):
    """Rows of one tenant and day whose bounds are durable, so that whoever ships them ships the same ones.

    Attributes:
        upto: the day's counts when these rows are shipped.
    """

    key: DayKey
    events: Sequence[StoredEvent]
    rejections: Sequence[StoredRejection]
    upto: Counts


class Drain(Protocol):
    """The outbox as seen by whoever ships it."""

    def waiting(self) -> dict[DayKey, Counts]:
        """Counts of every day that has rows to ship."""
        ...

    def claim(self, key: DayKey, rows: int) -> AbstractContextManager[Shipment | None]:
        """The next shipment of a day; None when another shipper has it or nothing waits.

        The bounds of a shipment that was not finished are used again. It is claimed until the context ends.
        """
        ...

    def finish(self, shipment: Shipment, segments: Sequence[str], now: datetime) -> None:
        """Note a claimed shipment as shipped and remove its rows, leaving these segments to be delivered."""
        ...

    def next_delivery(self) -> AbstractContextManager[str | None]:
        """The oldest segment to be delivered that nobody else is delivering; gone when the context ends well."""
        ...

    def forget_expired(self, now: datetime) -> None:
        """Remove replies that have expired, and what the store notes about writers that are gone."""
        ...
