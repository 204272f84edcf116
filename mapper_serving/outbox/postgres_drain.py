"""Draining the outbox in PostgreSQL: many shippers, each day with one of them at a time (`SKIP LOCKED`)."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Final

from mapper_serving.outbox.postgres import Connection, connect, failing
from mapper_serving.outbox.store import Counts, DayKey, Shipment, StoredEvent, StoredRejection

_PLAN: Final = """
INSERT INTO mapper.shipments
SELECT tenant_id, day, shipped_accepted, shipped_rejected,
    least(accepted, shipped_accepted + %(rows)s), least(rejected, shipped_rejected + %(rows)s)
FROM mapper.days AS d
WHERE tenant_id = %(tenant)s AND day = %(day)s AND (accepted > shipped_accepted OR rejected > shipped_rejected)
    AND NOT EXISTS (SELECT FROM mapper.shipments AS s WHERE s.tenant_id = d.tenant_id AND s.day = d.day)
FOR NO KEY UPDATE
ON CONFLICT DO NOTHING
"""
"""Locking the day makes sure that the bounds begin where the last finished shipment ended."""


WRITER_KEPT: Final = timedelta(days=1)
"""How long the signature of a writer is kept after its last commit; one that comes back signs anew."""


@contextmanager
def draining(url: str) -> Iterator["PostgresDrain"]:
    """The outbox to drain, over a connection of its own."""
    with failing(), closing(connect(url)) as connection:
        yield PostgresDrain(connection)


class PostgresDrain:
    """See `Drain`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def waiting(self) -> dict[DayKey, Counts]:
        """As `Drain.waiting`."""
        rows = self._connection.execute("SELECT tenant_id, day::text, accepted, rejected FROM mapper.waiting()")
        return {(tenant, day): Counts(accepted, rejected) for tenant, day, accepted, rejected in rows}

    @contextmanager
    def claim(self, key: DayKey, rows: int) -> Iterator[Shipment | None]:
        """As `Drain.claim`: the bounds are committed first, then their row is locked until the context ends."""
        tenant, day = key
        with self._about(tenant):
            self._connection.execute(_PLAN, {"tenant": tenant, "day": day, "rows": rows})
        with self._about(tenant):
            bounds = self._connection.execute(
                "SELECT after_accepted, after_rejected, upto_accepted, upto_rejected FROM mapper.shipments "
                "WHERE tenant_id = %s AND day = %s FOR UPDATE SKIP LOCKED",
                key,
            ).fetchone()
            yield None if bounds is None else self._shipment(key, Counts(*bounds[:2]), Counts(*bounds[2:]))

    def _shipment(self, key: DayKey, after: Counts, upto: Counts) -> Shipment:
        events = self._connection.execute(
            "SELECT sequence, event_id, recorded_at, record, event FROM mapper.events "
            "WHERE tenant_id = %s AND day = %s AND sequence > %s AND sequence <= %s ORDER BY sequence",
            (*key, after.accepted, upto.accepted),
        )
        rejections = self._connection.execute(
            "SELECT rejection_id, occurred_at, code FROM mapper.rejections "
            "WHERE tenant_id = %s AND day = %s AND sequence > %s AND sequence <= %s ORDER BY sequence",
            (*key, after.rejected, upto.rejected),
        )
        return Shipment(key, [StoredEvent(*row) for row in events], [StoredRejection(*row) for row in rejections], upto)

    def finish(self, shipment: Shipment, segments: Sequence[str], now: datetime) -> None:
        """As `Drain.finish`; the day itself is locked last, because requests wait for it."""
        key, upto = shipment.key, shipment.upto
        run = self._connection.execute
        run("DELETE FROM mapper.events WHERE tenant_id = %s AND day = %s AND sequence <= %s", (*key, upto.accepted))
        run("DELETE FROM mapper.rejections WHERE tenant_id = %s AND day = %s AND sequence <= %s", (*key, upto.rejected))
        run("DELETE FROM mapper.shipments WHERE tenant_id = %s AND day = %s", key)
        for segment in segments:
            values = (key[0], segment, now)
            run("INSERT INTO mapper.deliveries VALUES (%s, %s, %s) ON CONFLICT DO NOTHING", values)
        run(
            "UPDATE mapper.days SET shipped_accepted = %s, shipped_rejected = %s WHERE tenant_id = %s AND day = %s",
            (*upto, *key),
        )

    @contextmanager
    def next_delivery(self) -> Iterator[str | None]:
        """As `Drain.next_delivery`."""
        for (tenant,) in self._connection.execute(
            "SELECT tenant_id FROM mapper.delivering() ORDER BY oldest"
        ).fetchall():
            with self._about(tenant):
                row = self._connection.execute(
                    "SELECT segment FROM mapper.deliveries WHERE tenant_id = %s "
                    "ORDER BY written_at, segment LIMIT 1 FOR UPDATE SKIP LOCKED",
                    (tenant,),
                ).fetchone()
                if row:
                    yield row[0]
                    self._connection.execute(
                        "DELETE FROM mapper.deliveries WHERE tenant_id = %s AND segment = %s", (tenant, *row)
                    )
                    return
        yield None

    def forget_expired(self, now: datetime) -> None:
        """As `Drain.forget_expired`."""
        for (tenant,) in self._connection.execute("SELECT tenant_id FROM mapper.tenants").fetchall():
            with self._about(tenant):
                self._connection.execute(
                    "DELETE FROM mapper.replays WHERE tenant_id = %s AND expires_at <= %s", (tenant, now)
                )
        self._connection.execute("DELETE FROM mapper.writers WHERE seen_at < %s", (now - WRITER_KEPT,))

    @contextmanager
    def _about(self, tenant: str) -> Iterator[None]:
        """A transaction that sees the rows of one tenant."""
        with self._connection.transaction():
            self._connection.execute("SELECT set_config('mapper.tenant', %s, true)", (tenant,))
            yield
