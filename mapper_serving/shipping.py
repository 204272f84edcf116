"""Shipping: moves rows from the outbox to event segments, each exactly once whatever is killed when.

For one tenant and day: fix the bounds of the shipment in the outbox, write its segments, then the day
ledger, then note the rows as shipped and remove them. A round that died is done again with the same
bounds, so it writes the same rows under the same names.

    python -m mapper_serving.shipping --once        drain the outbox by hand
"""

import argparse
import fcntl
import json
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import structlog

from mapper_domain.errors import EventWriteError
from mapper_domain.events import DayLedger, EventRecord, RejectionRecord, segment_folder
from mapper_domain.layout import Layout
from mapper_domain.segments import EVENT_COLUMNS, REJECTION_COLUMNS, to_rejection_row, to_row
from mapper_serving import segments
from mapper_serving.outbox import connect
from mapper_serving.settings import Settings

log = structlog.get_logger(__name__)


class Shipped(NamedTuple):
    """What a round moved."""

    events: int = 0
    rejections: int = 0


class _Shipment(NamedTuple):
    """Bounds of one shipment: sequences after `shipped_*` up to and including the planned ones."""

    tenant_id: str
    day: str
    shipped_accepted: int
    shipped_rejected: int
    plan_accepted: int
    plan_rejected: int

    @property
    def key(self) -> tuple[str, str]:
        return (self.tenant_id, self.day)


def ship(layout: Layout, *, segment_rows: int) -> Iterator[Shipped]:
    """Ship everything that is in the outbox when this begins, yielding after each shipment.

    Safe to run beside the service and beside another `ship`: a lock file lets one work at a time.

    Args:
        layout: where outbox, segments and ledgers lie.
        segment_rows: most rows of one segment.
    """
    if not layout.outbox.exists():
        return
    with _alone(layout.outbox.parent / "shipping.lock"), closing(connect(layout.outbox)) as connection:
        goals = _waiting(connection)
        while goals:
            for key in goals:
                yield _ship(connection, layout, _plan(connection, key, segment_rows))
            shipped = _shipped(connection)
            goals = {key: goal for key, goal in goals.items() if shipped[key][0] < goal[0] or shipped[key][1] < goal[1]}


def _waiting(connection: sqlite3.Connection) -> dict[tuple[str, str], tuple[int, int]]:
    """Last sequence of events and of rejections of every day with rows that were not shipped."""
    rows = connection.execute(
        "SELECT tenant_id, day, accepted, rejected FROM days "
        "WHERE accepted > shipped_accepted OR rejected > shipped_rejected ORDER BY tenant_id, day"
    )
    return {(tenant, day): (accepted, rejected) for tenant, day, accepted, rejected in rows}


def _shipped(connection: sqlite3.Connection) -> dict[tuple[str, str], tuple[int, int]]:
    rows = connection.execute("SELECT tenant_id, day, shipped_accepted, shipped_rejected FROM days")
    return {(tenant, day): (accepted, rejected) for tenant, day, accepted, rejected in rows}


def _plan(connection: sqlite3.Connection, key: tuple[str, str], segment_rows: int) -> _Shipment:
    """Bounds of the next shipment of a day, made durable: those of a round that died, or new ones."""
    connection.execute(
        "UPDATE days SET plan_accepted = min(accepted, shipped_accepted + ?), "
        "plan_rejected = min(rejected, shipped_rejected + ?) "
        "WHERE tenant_id = ? AND day = ? AND plan_accepted IS NULL",
        (segment_rows, segment_rows, *key),
    )
    row = connection.execute(
        "SELECT tenant_id, day, shipped_accepted, shipped_rejected, plan_accepted, plan_rejected FROM days "
        "WHERE tenant_id = ? AND day = ?",
        key,
    ).fetchone()
    return _Shipment(*row)


def _ship(connection: sqlite3.Connection, layout: Layout, shipment: _Shipment) -> Shipped:
    place = segment_folder(*shipment.key)
    events = _events(connection, shipment)
    rejections = _rejections(connection, shipment)
    if events:
        segments.sweep(layout.events / place)
        segments.write(layout.events / place, EVENT_COLUMNS, events)
    if rejections:
        segments.sweep(layout.rejections / place)
        segments.write(layout.rejections / place, REJECTION_COLUMNS, rejections)
    last = max(str(row["recorded_at"]) for row in events) if events else str(rejections[-1]["occurred_at"])
    ledger = DayLedger(
        tenant_id=shipment.tenant_id,
        day=shipment.day,
        received=shipment.plan_accepted + shipment.plan_rejected,
        accepted=shipment.plan_accepted,
        rejected=shipment.plan_rejected,
        last_sequence=shipment.plan_accepted,
        updated_at=datetime.fromisoformat(last),
    )
    segments.replace(layout.ledgers / place / "ledger.json", ledger.model_dump_json().encode() + b"\n")
    _forget(connection, shipment)
    return Shipped(len(events), len(rejections))


def _events(connection: sqlite3.Connection, shipment: _Shipment) -> list[dict[str, object]]:
    rows = connection.execute(
        "SELECT sequence, event_id, recorded_at, record, event FROM events "
        "WHERE tenant_id = ? AND day = ? AND sequence > ? AND sequence <= ? ORDER BY sequence",
        (*shipment.key, shipment.shipped_accepted, shipment.plan_accepted),
    )
    found = []
    for sequence, event_id, recorded_at, record, event in rows:
        fields = {
            **json.loads(record),
            "event_id": event_id,
            "tenant_id": shipment.tenant_id,
            "sequence": sequence,
            "recorded_at": recorded_at,
            "event": json.loads(event),
        }
        found.append(to_row(EventRecord.model_validate(fields), event))
    return found


def _rejections(connection: sqlite3.Connection, shipment: _Shipment) -> list[dict[str, object]]:
    rows = connection.execute(
        "SELECT rejection_id, tenant_id, occurred_at, code FROM rejections "
        "WHERE tenant_id = ? AND day = ? AND sequence > ? AND sequence <= ? ORDER BY sequence",
        (*shipment.key, shipment.shipped_rejected, shipment.plan_rejected),
    )
    return [
        to_rejection_row(RejectionRecord(rejection_id=id_, tenant_id=tenant, occurred_at=at, code=code))
        for id_, tenant, at, code in rows
    ]


def _forget(connection: sqlite3.Connection, shipment: _Shipment) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(
            "UPDATE days SET shipped_accepted = plan_accepted, shipped_rejected = plan_rejected, "
            "plan_accepted = NULL, plan_rejected = NULL WHERE tenant_id = ? AND day = ?",
            shipment.key,
        )
        for table, bound in (("events", shipment.plan_accepted), ("rejections", shipment.plan_rejected)):
            connection.execute(
                f"DELETE FROM {table} WHERE tenant_id = ? AND day = ? AND sequence <= ?",  # noqa: S608  (fixed names)
                (*shipment.key, bound),
            )
        connection.execute("COMMIT")
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process and no other thread ships (the lock dies with its holder)."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


class Shipper:
    """Ships every few seconds in a thread of its own, and once more when it is closed."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_shipped: Callable[[Shipped], None] = lambda _shipped: None,
        on_failure: Callable[[], None] = lambda: None,
        on_round: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._on_shipped = on_shipped
        self._on_failure = on_failure
        self._on_round = on_round
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shipper", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ship what is left, then stop. Rows that cannot be shipped now stay in the outbox."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._settings.ship_seconds):
            self._round()
        self._round()

    def _round(self) -> None:
        try:
            for shipped in ship(self._settings.layout, segment_rows=self._settings.segment_rows):
                self._on_shipped(shipped)
        except Exception as error:  # the next round tries again; nothing may end this thread
            self._on_failure()
            told = str(error) if isinstance(error, (EventWriteError, OSError, sqlite3.Error)) else ""
            log.error("shipping.failed", exc_info=error, detail=told)
        self._on_round()


def main(arguments: list[str] | None = None) -> int:
    """Drain the outbox by hand; 0 when it is empty afterwards, 1 with a message when it is not."""
    parser = argparse.ArgumentParser(prog="python -m mapper_serving.shipping", description="Drain the outbox by hand.")
    parser.add_argument("--once", action="store_true", required=True, help="ship everything that waits, then end")
    parser.parse_args(arguments)
    settings = Settings()
    try:
        rounds = list(ship(settings.layout, segment_rows=settings.segment_rows))
    except (OSError, sqlite3.Error, EventWriteError) as error:
        sys.stderr.write(f"Shipping stopped; what is left is safe in the outbox: {error}\n")
        return 1
    events, rejections = sum(r.events for r in rounds), sum(r.rejections for r in rounds)
    sys.stdout.write(f"Shipped {events} events and {rejections} rejections to {settings.layout.root}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
