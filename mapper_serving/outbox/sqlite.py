"""The outbox in one SQLite file, shared by any number of processes of one machine.

Every commit is on disk when it returns (WAL, synchronous=FULL). A commit numbers the events of every tenant and UTC
day 1, 2, 3 … and updates the day's counts in the same transaction, so counts and rows cannot disagree.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mapper_serving.outbox.rows import Event, Replay, Row
from mapper_serving.outbox.store import Backlog, StoredEvent, StoreFailed, Submission

PAGE_BYTES: Final = 4096
BUSY_SECONDS: Final = 10.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS days (
    tenant_id TEXT NOT NULL, day TEXT NOT NULL,
    accepted INTEGER NOT NULL, rejected INTEGER NOT NULL,
    shipped_accepted INTEGER NOT NULL DEFAULT 0, shipped_rejected INTEGER NOT NULL DEFAULT 0,
    plan_accepted INTEGER, plan_rejected INTEGER,
    PRIMARY KEY (tenant_id, day)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    tenant_id TEXT NOT NULL, day TEXT NOT NULL, sequence INTEGER NOT NULL,
    event_id TEXT NOT NULL, recorded_at TEXT NOT NULL, record TEXT NOT NULL, event TEXT NOT NULL,
    UNIQUE (tenant_id, day, sequence)
) STRICT;
CREATE TABLE IF NOT EXISTS rejections (
    tenant_id TEXT NOT NULL, day TEXT NOT NULL, sequence INTEGER NOT NULL,
    rejection_id TEXT NOT NULL, occurred_at TEXT NOT NULL, code TEXT NOT NULL,
    UNIQUE (tenant_id, day, sequence)
) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (segment TEXT PRIMARY KEY, written_at TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS replays (
    tenant_id TEXT NOT NULL, route TEXT NOT NULL, key_sha256 TEXT NOT NULL, request_hmac TEXT NOT NULL,
    status INTEGER NOT NULL, headers TEXT NOT NULL, body BLOB, expires_at TEXT NOT NULL,
    PRIMARY KEY (tenant_id, route, key_sha256)
) STRICT, WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS received AS
    SELECT '' AS tenant_id, '' AS day, '' AS id, '' AS moment, '' AS code, '' AS record, '' AS event WHERE false;
CREATE TRIGGER IF NOT EXISTS accept INSTEAD OF INSERT ON received WHEN NEW.code IS NULL BEGIN
    INSERT INTO days (tenant_id, day, accepted, rejected) VALUES (NEW.tenant_id, NEW.day, 1, 0)
        ON CONFLICT DO UPDATE SET accepted = accepted + 1;
    INSERT INTO events SELECT tenant_id, day, accepted, NEW.id, NEW.moment, NEW.record, NEW.event
        FROM days WHERE tenant_id = NEW.tenant_id AND day = NEW.day;
END;
CREATE TRIGGER IF NOT EXISTS reject INSTEAD OF INSERT ON received WHEN NEW.code IS NOT NULL BEGIN
    INSERT INTO days (tenant_id, day, accepted, rejected) VALUES (NEW.tenant_id, NEW.day, 0, 1)
        ON CONFLICT DO UPDATE SET rejected = rejected + 1;
    INSERT INTO rejections SELECT tenant_id, day, rejected, NEW.id, NEW.moment, NEW.code
        FROM days WHERE tenant_id = NEW.tenant_id AND day = NEW.day;
END;
"""
"""Rows go in through the view `received`; its triggers number and count them in the same statement."""

_STORE = "INSERT INTO received VALUES (?, ?, ?, ?, ?, ?, ?)"

_KEEP = """
INSERT INTO replays VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET request_hmac = excluded.request_hmac, status = excluded.status,
    headers = excluded.headers, body = excluded.body, expires_at = excluded.expires_at
    WHERE expires_at <= ? OR (body IS NULL AND excluded.body IS NOT NULL)
"""
"""A place is free once it has expired, and whoever reserved it may fill it."""

_BACKLOG = """
SELECT coalesce(sum(accepted - shipped_accepted + rejected - shipped_rejected), 0),
    min((SELECT recorded_at FROM events AS e
         WHERE e.tenant_id = d.tenant_id AND e.day = d.day AND e.sequence = d.shipped_accepted + 1)),
    min((SELECT occurred_at FROM rejections AS r
         WHERE r.tenant_id = d.tenant_id AND r.day = d.day AND r.sequence = d.shipped_rejected + 1))
FROM days AS d WHERE accepted > shipped_accepted OR rejected > shipped_rejected
"""


def connect(path: Path) -> sqlite3.Connection:
    """A connection in which every commit is on disk when it returns."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(_SCHEMA)
    return connection


class SqliteStore:
    """Rows in one SQLite file (see `Store`)."""

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        """Open or create the file.

        Args:
            path: the file; its folder is made.
            max_bytes: bytes it may take.

        Raises:
            StoreFailed: when it cannot be used.
        """
        self._looking_up = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = connect(path)
            self._writer.execute(f"PRAGMA max_page_count={max_bytes // PAGE_BYTES}")
            self._reader = connect(path)
        except (OSError, sqlite3.Error) as error:
            raise StoreFailed(f"{path}: {error}") from error

    def append(self, submissions: Sequence[Submission], now: datetime) -> Sequence[bool]:
        """As `Store.append`."""
        with told(), transaction(self._writer):
            stored = [not s.replay or self._keep(s.replay, now) for s in submissions]
            self._insert([row for s, kept in zip(submissions, stored, strict=True) if kept for row in s.rows], now)
        return stored

    def _keep(self, replay: Replay, now: datetime) -> bool:
        values = (*replay[:5], json.dumps(dict(replay.headers)), replay.body, sortable(replay.expires_at))
        return self._writer.execute(_KEEP, (*values, sortable(now))).rowcount == 1

    def _insert(self, rows: Sequence[Row], now: datetime) -> None:
        moment = sortable(now)
        values = (
            (row.tenant_id, row.day, row.event_id, moment, None, row.record, row.event)
            if isinstance(row, Event)
            else (*row, None, None)
            for row in rows
        )
        self._writer.executemany(_STORE, values)

    def backlog(self) -> Backlog:
        """As `Store.backlog`."""
        with told():
            rows, event, rejection = self._writer.execute(_BACKLOG).fetchone()
            deliveries, written = self._writer.execute("SELECT count(*), min(written_at) FROM deliveries").fetchone()
            pages, free, most = (
                self._writer.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_count", "freelist_count", "max_page_count")
            )
        oldest = min(filter(None, (event, rejection)), default=None)
        return Backlog(rows, _parse(oldest), (pages - free) / most, deliveries, _parse(written))

    def durability(self) -> Mapping[str, str]:
        """Journal mode and `synchronous` level; `wal` with 2 syncs every commit."""
        names = ("journal_mode", "synchronous")
        return {name: str(self._writer.execute(f"PRAGMA {name}").fetchone()[0]) for name in names}

    def find_replay(self, tenant_id: str, route: str, key_sha256: str, now: datetime) -> Replay | None:
        """As `Store.find_replay`."""
        with told(), self._looking_up:
            row = self._reader.execute(
                "SELECT * FROM replays WHERE tenant_id = ? AND route = ? AND key_sha256 = ? AND expires_at > ?",
                (tenant_id, route, key_sha256, sortable(now)),
            ).fetchone()
        if row is None:
            return None
        found = Replay._make(row)
        return found._replace(headers=json.loads(row[5]), expires_at=datetime.fromisoformat(row[7]))

    def release_replay(self, replay: Replay) -> None:
        """As `Store.release_replay`."""
        with told(), self._looking_up:
            self._reader.execute(
                "DELETE FROM replays WHERE tenant_id = ? AND route = ? AND key_sha256 = ? AND request_hmac = ? "
                "AND body IS NULL",
                replay[:4],
            )

    def days(self, tenant_id: str) -> Mapping[str, int]:
        """As `Store.days`."""
        query = "SELECT day, accepted FROM days WHERE tenant_id = ? AND accepted > 0 ORDER BY day"
        with told(), self._looking_up:
            return dict(self._reader.execute(query, (tenant_id,)).fetchall())

    def events(self, tenant_id: str, day: str, after: int, most: int) -> Sequence[StoredEvent]:
        """As `Store.events`."""
        query = (
            "SELECT sequence, event_id, recorded_at, record, event FROM events "
            "WHERE tenant_id = ? AND day = ? AND sequence > ? ORDER BY sequence LIMIT ?"
        )
        with told(), self._looking_up:
            rows = self._reader.execute(query, (tenant_id, day, after, most)).fetchall()
        return [StoredEvent(n, id_, datetime.fromisoformat(at), record, event) for n, id_, at, record, event in rows]

    def close(self) -> None:
        """As `Store.close`."""
        self._writer.close()
        self._reader.close()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """`BEGIN IMMEDIATE` to `COMMIT`, or `ROLLBACK`."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def told() -> Iterator[None]:
    """SQLite's errors as `StoreFailed`; its messages name tables and files, never values."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreFailed(str(error)) from error


def sortable(moment: datetime) -> str:
    """A moment as text that sorts as time does."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _parse(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
