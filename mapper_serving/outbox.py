"""The outbox: rows that are on disk before anybody is told they were accepted.

One thread writes; whatever arrives while it commits goes into the next commit (group commit). Each
commit numbers the events of every tenant and UTC day 1, 2, 3 … and updates the day's ledger in the
same transaction, so counts and rows cannot disagree. Shipping rows onward is `shipping`'s business.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import structlog

from mapper_domain.errors import EventWriteError

BATCH_ROWS: Final = 512
PAGE_BYTES: Final = 4096
BUSY_SECONDS: Final = 10.0
FAILURE_SECONDS: Final = 5.0
"""How long after a failed commit the outbox says it does not accept rows; then only trying can tell."""

log = structlog.get_logger(__name__)

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

_STORE = """
INSERT INTO received SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM json_each(?)
"""
"""One statement for a whole batch: each step gives up Python's interpreter lock, and waits to get it back."""


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
OnCommit = Callable[[int, float], None]


class _Submission(NamedTuple):
    rows: Sequence[Row]
    future: "asyncio.Future[None]"
    loop: asyncio.AbstractEventLoop


class _Order(Enum):
    """What the writer is told besides rows."""

    RECOUNT = auto()
    STOP = auto()


def connect(path: Path) -> sqlite3.Connection:
    """A connection in which every commit is on disk when it returns (WAL, synchronous=FULL)."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(_SCHEMA)
    return connection


class Outbox:
    """A bounded, durable queue of rows; used from event loops, written by a thread of its own.

    Attributes:
        problem: why the last commit failed, or empty.
    """

    def __init__(
        self, path: Path, *, max_rows: int, max_bytes: int, on_commit: OnCommit = lambda _rows, _seconds: None
    ) -> None:
        """Open or create the outbox.

        Args:
            path: the SQLite file.
            max_rows: rows it holds, shipped ones aside, before it refuses.
            max_bytes: bytes the file may take.
            on_commit: told rows and seconds of every commit; rows are 0 for one that failed.

        Raises:
            EventWriteError: when the file cannot be used.
        """
        self.problem = ""
        self._failed_at = 0.0
        self._max_rows = max_rows
        self._on_commit = on_commit
        self._queue: queue.SimpleQueue[_Submission | _Order] = queue.SimpleQueue()
        self._queued = 0
        self._closed = False
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = connect(path)
            self._connection.execute(f"PRAGMA max_page_count={max_bytes // PAGE_BYTES}")
            self._stored = _count(self._connection)
        except (OSError, sqlite3.Error) as error:
            raise EventWriteError(f"The outbox {path} cannot be opened: {error}.") from error
        self._writer = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._writer.start()

    @property
    def pending(self) -> int:
        """Rows that are durable, or about to be, and not shipped."""
        return self._stored + self._queued

    @property
    def accepts(self) -> bool:
        """Whether a row would be taken now."""
        failing = bool(self.problem) and time.monotonic() - self._failed_at < FAILURE_SECONDS
        return not self._closed and not failing and self.pending < self._max_rows

    def durability(self) -> tuple[str, int]:
        """Journal mode and `synchronous` level of the writer's connection: `("wal", 2)` syncs every commit."""
        mode, level = (
            self._connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        )
        return str(mode), int(level)

    async def append(self, rows: Sequence[Row]) -> None:
        """Return when all rows are durable, in one transaction.

        Raises:
            EventWriteError: when they are not; then none of them is.
        """
        with self._lock:
            if self._closed:
                raise EventWriteError("The service is shutting down; send the request again.")
            if self.pending + len(rows) > self._max_rows:
                raise EventWriteError("The outbox is full because events are not being shipped; try again later.")
            self._queued += len(rows)
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            self._queue.put(_Submission(rows, future, loop))
        await future

    def recount(self) -> None:
        """Have rows counted again, because somebody, maybe another process, has shipped some."""
        self._queue.put(_Order.RECOUNT)

    def close(self) -> None:
        """Make everything submitted durable, then stop."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._queue.put(_Order.STOP)
        self._writer.join()
        self._connection.close()

    def _write(self) -> None:
        while True:
            batch, order = self._next()
            if batch:
                self._commit(batch)
            if order is _Order.RECOUNT:
                self._recount()
            if order is _Order.STOP:
                return

    def _next(self) -> tuple[list[_Submission], _Order | None]:
        """What goes into one commit, and an order that came after it; waits until there is either."""
        batch: list[_Submission] = []
        rows = 0
        while rows < BATCH_ROWS:
            item = self._queue.get()
            if isinstance(item, _Order):
                return batch, item
            batch.append(item)
            rows += len(item.rows)
            if self._queue.empty():
                break
        return batch, None

    def _commit(self, batch: Sequence[_Submission]) -> None:
        rows = [row for submission in batch for row in submission.rows]
        started = time.monotonic()
        error: EventWriteError | None = None
        try:
            store(self._connection, rows, datetime.now(UTC))
            self.problem = ""
        except Exception as failure:  # noqa: BLE001  (these callers are refused; the thread lives on for the next)
            error = EventWriteError(self._failed("written", failure))
        with self._lock:
            self._queued -= len(rows)
            self._stored += 0 if error else len(rows)
        self._tell(0 if error else len(rows), time.monotonic() - started)
        for loop in {submission.loop for submission in batch}:
            futures = [submission.future for submission in batch if submission.loop is loop]
            try:
                loop.call_soon_threadsafe(_resolve, futures, error)
            except RuntimeError:  # that loop is closed: nobody waits there any more
                continue

    def _recount(self) -> None:
        try:
            self._stored = _count(self._connection)
        except Exception as failure:  # noqa: BLE001  (as above)
            self._failed("read", failure)

    def _failed(self, action: str, failure: Exception) -> str:
        """Note why the outbox does not work. Only SQLite's own messages are repeated: others may quote a row."""
        told = str(failure) if isinstance(failure, sqlite3.Error) else type(failure).__name__
        self.problem = f"The outbox cannot be {action}: {told}."
        self._failed_at = time.monotonic()
        return self.problem

    def _tell(self, rows: int, seconds: float) -> None:
        try:
            self._on_commit(rows, seconds)
        except Exception as failure:
            log.error("outbox.listener_failed", exc_info=failure)


def store(connection: sqlite3.Connection, rows: Sequence[Row], now: datetime) -> None:
    """Write rows, number them and count them, in one durable transaction.

    Raises:
        Exception: when nothing was written; `sqlite3.Error` unless a row is no JSON.
    """
    moment = now.isoformat()
    batch = [
        (row.tenant_id, row.day, row.event_id, moment, None, row.record, row.event)
        if isinstance(row, Event)
        else tuple(row)
        for row in rows
    ]
    connection.execute(_STORE, (orjson.dumps(batch).decode(),))


def _count(connection: sqlite3.Connection) -> int:
    """Rows not shipped yet."""
    row = connection.execute(
        "SELECT coalesce(sum(accepted - shipped_accepted + rejected - shipped_rejected), 0) FROM days"
    ).fetchone()
    return int(row[0])


def _resolve(futures: Sequence["asyncio.Future[None]"], error: EventWriteError | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
