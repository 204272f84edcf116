"""Draining the outbox file: one shipper for each sink at a time, by a lock file, whichever process it is in."""

import fcntl
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from mapper_serving.outbox.sqlite import connect, sortable, told, transaction
from mapper_serving.outbox.store import Counts, DayKey, Shipment, StoredEvent, StoredRejection


@contextmanager
def draining(path: Path, sink: str, *, wait: bool) -> Iterator["SqliteDrain | None"]:
    """The outbox to drain; None where there is none yet, or somebody else drains it and this is not to wait."""
    if not path.exists():
        yield None
        return
    with (path.parent / f"{sink}.lock").open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield None
            return
        with told(), closing(connect(path)) as connection:
            yield SqliteDrain(connection)


class SqliteDrain:
    """See `Drain`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def waiting(self) -> dict[DayKey, Counts]:
        """As `Drain.waiting`."""
        rows = self._connection.execute(
            "SELECT tenant_id, day, accepted, rejected FROM days "
            "WHERE accepted > shipped_accepted OR rejected > shipped_rejected ORDER BY tenant_id, day"
        )
        return {(tenant, day): Counts(accepted, rejected) for tenant, day, accepted, rejected in rows}

    @contextmanager
    def claim(self, key: DayKey, rows: int) -> Iterator[Shipment | None]:
        """As `Drain.claim`; the lock file is the claim."""
        self._connection.execute(
            "UPDATE days SET plan_accepted = min(accepted, shipped_accepted + ?), "
            "plan_rejected = min(rejected, shipped_rejected + ?) "
            "WHERE tenant_id = ? AND day = ? AND plan_accepted IS NULL "
            "AND (accepted > shipped_accepted OR rejected > shipped_rejected)",
            (rows, rows, *key),
        )
        bounds = self._connection.execute(
            "SELECT shipped_accepted, shipped_rejected, plan_accepted, plan_rejected FROM days "
            "WHERE tenant_id = ? AND day = ? AND plan_accepted IS NOT NULL",
            key,
        ).fetchone()
        if bounds is None:
            yield None
            return
        after, upto = Counts(*bounds[:2]), Counts(*bounds[2:])
        events = self._connection.execute(
            "SELECT sequence, event_id, recorded_at, record, event FROM events "
            "WHERE tenant_id = ? AND day = ? AND sequence > ? AND sequence <= ? ORDER BY sequence",
            (*key, after.accepted, upto.accepted),
        )
        rejections = self._connection.execute(
            "SELECT rejection_id, occurred_at, code FROM rejections "
            "WHERE tenant_id = ? AND day = ? AND sequence > ? AND sequence <= ? ORDER BY sequence",
            (*key, after.rejected, upto.rejected),
        )
        yield Shipment(
            key,
            [StoredEvent(n, id_, datetime.fromisoformat(at), record, event) for n, id_, at, record, event in events],
            [StoredRejection(id_, datetime.fromisoformat(at), code) for id_, at, code in rejections],
            upto,
        )

    def finish(self, shipment: Shipment, segments: Sequence[str], now: datetime) -> None:
        """As `Drain.finish`."""
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE days SET shipped_accepted = plan_accepted, shipped_rejected = plan_rejected, "
                "plan_accepted = NULL, plan_rejected = NULL WHERE tenant_id = ? AND day = ?",
                shipment.key,
            )
            for table, bound in (("events", shipment.upto.accepted), ("rejections", shipment.upto.rejected)):
                self._connection.execute(
                    f"DELETE FROM {table} WHERE tenant_id = ? AND day = ? AND sequence <= ?",  # noqa: S608  (fixed)
                    (*shipment.key, bound),
                )
            self._connection.executemany(
                "INSERT OR IGNORE INTO deliveries VALUES (?, ?)", [(segment, sortable(now)) for segment in segments]
            )

    @contextmanager
    def next_delivery(self) -> Iterator[str | None]:
        """As `Drain.next_delivery`; the lock file is the claim."""
        row = self._connection.execute("SELECT segment FROM deliveries ORDER BY written_at, segment LIMIT 1").fetchone()
        yield row[0] if row else None
        if row:
            self._connection.execute("DELETE FROM deliveries WHERE segment = ?", row)

    def forget_expired(self, now: datetime) -> None:
        """As `Drain.forget_expired`."""
        self._connection.execute("DELETE FROM replays WHERE expires_at <= ?", (sortable(now),))
