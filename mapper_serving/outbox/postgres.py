"""The outbox in PostgreSQL, shared by the replicas of the service.

A commit locks the days it adds to, so numbers have no gaps whoever hands them out. Row-level security is forced: each
statement sees the rows of the tenant its transaction has named, and no others.
"""

import json
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, LiteralString

import psycopg

from mapper_serving.outbox import postgres_schema
from mapper_serving.outbox.postgres_schema import told
from mapper_serving.outbox.rows import Event, Replay, Row
from mapper_serving.outbox.store import Backlog, StoredEvent, StoreFailed, Submission

PATIENCE_SECONDS: Final = 3.0
"""How long a commit waits for a database that has gone away, before its rows are refused."""
RETRY_SECONDS: Final = 0.1

_NAME_TENANT: Final = "SELECT set_config('mapper.tenant', %s, true)"

_SIGN: Final = """
INSERT INTO mapper.writers VALUES (%(writer)s, %(commits)s, %(now)s)
ON CONFLICT (writer) DO UPDATE SET commits = excluded.commits, seen_at = excluded.seen_at
"""

_ASK: Final = """
INSERT INTO mapper.writers AS w VALUES (%(writer)s, 0, %(now)s)
ON CONFLICT (writer) DO UPDATE SET commits = w.commits RETURNING commits
"""
"""Waits for a transaction that has signed and is not over: the server may not have noticed that nobody is there."""

_STORE: Final = """
WITH incoming AS (
    SELECT *, row_number() OVER (PARTITION BY day, code IS NULL ORDER BY place) AS number
    FROM unnest(%(days)s::date[], %(ids)s::text[], %(moments)s::timestamptz[], %(codes)s::text[], %(records)s::text[],
                %(events)s::text[]) WITH ORDINALITY AS t (day, id, moment, code, record, event, place)
), added AS (
    SELECT day, count(*) FILTER (WHERE code IS NULL) AS accepted, count(code) AS rejected FROM incoming GROUP BY day
), counted AS (
    INSERT INTO mapper.days AS d (tenant_id, day, accepted, rejected)
    SELECT %(tenant)s, day, accepted, rejected FROM added ORDER BY day
    ON CONFLICT (tenant_id, day) DO UPDATE
        SET accepted = d.accepted + excluded.accepted, rejected = d.rejected + excluded.rejected
    RETURNING d.day, d.accepted, d.rejected
), numbered AS (
    SELECT i.*, number + CASE WHEN code IS NULL THEN c.accepted - a.accepted
                         ELSE c.rejected - a.rejected END AS sequence
    FROM incoming AS i JOIN counted AS c USING (day) JOIN added AS a USING (day)
), refused AS (
    INSERT INTO mapper.rejections
    SELECT %(tenant)s, day, sequence, id, moment, code FROM numbered WHERE code IS NOT NULL
)
INSERT INTO mapper.events SELECT %(tenant)s, day, sequence, id, moment, record, event FROM numbered WHERE code IS NULL
"""
"""Counts rise first, which locks the days in order; then the rows get the numbers that became theirs."""

_KEEP: Final = """
INSERT INTO mapper.replays AS r VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (tenant_id, route, key_sha256) DO UPDATE SET request_hmac = excluded.request_hmac,
    status = excluded.status, headers = excluded.headers, body = excluded.body, expires_at = excluded.expires_at
    WHERE r.expires_at <= %s OR (r.body IS NULL AND excluded.body IS NOT NULL)
"""

Connection = psycopg.Connection[tuple[Any, ...]]


def connect(url: str) -> Connection:
    """A connection whose every commit is on disk when it returns, and that notices a peer that has gone silent.

    Raises:
        psycopg.OperationalError: when there is none to be had.
    """
    connection = psycopg.connect(
        url, autocommit=True, connect_timeout=3, tcp_user_timeout=10_000, application_name="mapper"
    )
    connection.execute("SET synchronous_commit = on")
    connection.execute("SET statement_timeout = '30s'")
    return connection


@contextmanager
def failing() -> Iterator[None]:
    """PostgreSQL's errors as `StoreFailed`."""
    try:
        yield
    except psycopg.Error as error:
        raise StoreFailed(told(error)) from error


class PostgresStore:
    """Rows in PostgreSQL (see `Store`); a lost connection is made again."""

    def __init__(self, url: Callable[[], str]) -> None:
        """Connect. The URL is asked for at every connection, because its password may have changed.

        Raises:
            StoreFailed: when that fails, the schema is not up to date, or the role may see too much.
        """
        self._url = url
        self._known: set[str] = set()
        self._writer_id, self._commits = uuid.uuid4(), 0
        self._looking_up = threading.Lock()
        with failing():
            self._writer = connect(url())
            postgres_schema.check(self._writer)
            self._reader = connect(url())

    def append(self, submissions: Sequence[Submission], now: datetime) -> Sequence[bool]:
        """As `Store.append`.

        A connection that breaks leaves open whether the commit took place. The database is asked, and the rows are
        written again only where it did not.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            stored: list[bool] = []
            self._commits += 1
            try:
                self._append(submissions, now, stored)
                return stored
            except psycopg.OperationalError as error:
                if not _lost(error) or not self._reconnected(until):
                    raise StoreFailed(told(error)) from error
                if self._took_place(now, until):
                    return stored
            except psycopg.Error as error:
                raise StoreFailed(told(error)) from error

    def _append(self, submissions: Sequence[Submission], now: datetime, stored: list[bool]) -> None:
        """One transaction; `stored` is filled before it commits. Locks are taken in the same order by everybody."""
        rows: dict[str, list[Row]] = defaultdict(list)
        with self._writer.transaction():
            self._writer.execute(_SIGN, self._signature(now))
            taken = self._keep([s.replay for s in submissions], now)
            for place, submission in enumerate(submissions):
                for row in submission.rows if place not in taken else ():
                    rows[row.tenant_id].append(row)
            for tenant in sorted(rows):
                self._name(tenant)
                self._writer.execute(_STORE, _arrays(tenant, rows[tenant], now))
            stored.extend(place not in taken for place in range(len(submissions)))
        self._known |= rows.keys()  # only now are they there for good

    def _keep(self, replays: Sequence[Replay | None], now: datetime) -> set[int]:
        """Keep what has a free place; where it had none."""
        taken = set()
        kept = sorted((replay[:3], place, replay) for place, replay in enumerate(replays) if replay)
        for _, place, replay in kept:
            self._name(replay.tenant_id)
            values = (*replay[:5], json.dumps(dict(replay.headers)), replay.body, replay.expires_at)
            if self._writer.execute(_KEEP, (*values, now)).rowcount == 0:
                taken.add(place)
        return taken

    def _name(self, tenant: str) -> None:
        """Say whose rows the statements that follow are about."""
        self._writer.execute(_NAME_TENANT, (tenant,))
        if tenant not in self._known:
            self._writer.execute("INSERT INTO mapper.tenants VALUES (%s) ON CONFLICT DO NOTHING", (tenant,))

    def _reconnected(self, until: float) -> bool:
        self._writer.close()
        while True:
            try:
                self._writer = connect(self._url())
                return True
            except psycopg.OperationalError:
                if time.monotonic() > until:
                    return False
                time.sleep(RETRY_SECONDS)

    def _took_place(self, now: datetime, until: float) -> bool:
        """Whether the transaction that was interrupted was committed all the same.

        Raises:
            StoreFailed: when that cannot be said in time.
        """
        left = max(RETRY_SECONDS, until - time.monotonic())
        with failing(), self._writer.transaction():
            self._writer.execute("SELECT set_config('lock_timeout', %s, true)", (f"{left * 1000:.0f}ms",))
            row = self._writer.execute(_ASK, self._signature(now)).fetchone()
        return row is not None and row[0] == self._commits

    def _signature(self, now: datetime) -> dict[str, object]:
        return {"writer": self._writer_id, "commits": self._commits, "now": now}

    def backlog(self) -> Backlog:
        """As `Store.backlog`."""
        with failing():
            if self._writer.closed:
                self._writer = connect(self._url())
            rows, oldest = self._one("SELECT coalesce(sum(rows), 0), min(oldest) FROM mapper.waiting()")
            deliveries, written = self._one("SELECT coalesce(sum(segments), 0), min(oldest) FROM mapper.delivering()")
        return Backlog(int(rows), oldest, 0.0, int(deliveries), written)

    def durability(self) -> Mapping[str, str]:
        """Whether a commit waits for the disk: all of them are `on` where it does."""
        names = ("fsync", "full_page_writes", "synchronous_commit")
        return {name: str(self._one(f"SHOW {name}")[0]) for name in names}

    def find_replay(self, tenant_id: str, route: str, key_sha256: str, now: datetime) -> Replay | None:
        """As `Store.find_replay`."""
        with self._lookup(tenant_id) as connection:
            row = connection.execute(
                "SELECT * FROM mapper.replays WHERE route = %s AND key_sha256 = %s AND expires_at > %s",
                (route, key_sha256, now),
            ).fetchone()
        return None if row is None else Replay._make(row)._replace(headers=json.loads(row[5]))

    def release_replay(self, replay: Replay) -> None:
        """As `Store.release_replay`."""
        with self._lookup(replay.tenant_id) as connection:
            connection.execute(
                "DELETE FROM mapper.replays "
                "WHERE route = %s AND key_sha256 = %s AND request_hmac = %s AND body IS NULL",
                replay[1:4],
            )

    def days(self, tenant_id: str) -> Mapping[str, int]:
        """As `Store.days`."""
        query: LiteralString = "SELECT day, accepted FROM mapper.days WHERE accepted > 0 ORDER BY day"
        with self._lookup(tenant_id) as connection:
            return {day.isoformat(): accepted for day, accepted in connection.execute(query)}

    def events(self, tenant_id: str, day: str, after: int, most: int) -> Sequence[StoredEvent]:
        """As `Store.events`."""
        query: LiteralString = (
            "SELECT sequence, event_id, recorded_at, record, event FROM mapper.events "
            "WHERE tenant_id = %s AND day = %s AND sequence > %s ORDER BY sequence LIMIT %s"
        )
        with self._lookup(tenant_id) as connection:
            return [StoredEvent(*row) for row in connection.execute(query, (tenant_id, day, after, most))]

    @contextmanager
    def _lookup(self, tenant: str) -> Iterator[Connection]:
        with failing(), self._looking_up:
            if self._reader.closed:
                self._reader = connect(self._url())
            with self._reader.transaction():
                self._reader.execute(_NAME_TENANT, (tenant,))
                yield self._reader

    def _one(self, query: LiteralString) -> tuple[Any, ...]:
        row = self._writer.execute(query).fetchone()
        assert row is not None  # noqa: S101  (every query here has one row)
        return row

    def close(self) -> None:
        """As `Store.close`."""
        self._writer.close()
        self._reader.close()


def _lost(error: psycopg.OperationalError) -> bool:
    """Whether the connection is gone: told by the client (no code), or by a server that is going away (57P0x)."""
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def _arrays(tenant: str, rows: Sequence[Row], now: datetime) -> dict[str, object]:
    """The rows of a tenant as one array for each column."""
    moment = now.isoformat()
    columns = zip(
        *(
            (row.day, row.event_id, moment, None, row.record, row.event)
            if isinstance(row, Event)
            else (row.day, row.rejection_id, row.occurred_at, row.code, None, None)
            for row in rows
        ),
        strict=True,
    )
    names = ("days", "ids", "moments", "codes", "records", "events")
    return {"tenant": tenant, **{name: list(values) for name, values in zip(names, columns, strict=True)}}
