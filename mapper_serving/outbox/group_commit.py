"""The outbox as requests see it: bounded, durable, and committed in groups.

One thread writes; whatever arrives while it commits goes into the next commit. Shipping rows onward is `shipping`'s
business, and what a commit means is the `Store`'s.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum, auto
from typing import Final, NamedTuple

import structlog

from mapper_domain.errors import EventWriteError, MapperError
from mapper_serving.outbox.rows import Replay, ReplayTaken, Row
from mapper_serving.outbox.store import Store, StoredEvent, StoreFailed, Submission

BATCH_ROWS: Final = 512
NEARLY: Final = 0.95
"""From this share of the bound on, the outbox says it does not accept rows; what is under way still fits."""
FAILURE_SECONDS: Final = 5.0
"""How long after a failed commit it says so, too; then only trying can tell."""
RECOUNT_SECONDS: Final = 1.0
"""How often the writer looks at what other processes have written and shipped."""

FULL: Final = "The outbox is full because events are not being shipped; try again later."

log = structlog.get_logger(__name__)
OnCommit = Callable[[int, float], None]


class _Waiting(NamedTuple):
    submission: Submission
    future: "asyncio.Future[None]"
    loop: asyncio.AbstractEventLoop


class _Order(Enum):
    """What the writer is told besides rows."""

    RECOUNT = auto()
    STOP = auto()


class Outbox:
    """Used from event loops, written by a thread of its own.

    Attributes:
        problem: why the last commit failed, or empty.
        backlog: what waited when it was last counted.
    """

    def __init__(self, store: Store, *, max_rows: int, on_commit: OnCommit = lambda _rows, _seconds: None) -> None:
        """Begin writing.

        Args:
            store: closed with this.
            max_rows: rows it holds, shipped ones aside, before it refuses.
            on_commit: told rows and seconds of every commit; rows are 0 for one that failed.

        Raises:
            EventWriteError: when the store cannot be read.
        """
        self.problem = ""
        self._failed_at = 0.0
        self._max_rows = max_rows
        self._on_commit = on_commit
        self._store = store
        self._queue: queue.SimpleQueue[_Waiting | _Order] = queue.SimpleQueue()
        self._queued = 0
        self._closed = False
        self._lock = threading.Lock()
        try:
            self.backlog = store.backlog()
        except StoreFailed as error:
            raise EventWriteError(f"The outbox cannot be read: {error}.") from error
        self._stored = self.backlog.rows
        self._counted_at = time.monotonic()
        self._writer = threading.Thread(target=self._write, name="outbox", daemon=True)
        self._writer.start()

    @property
    def pending(self) -> int:
        """Rows that are durable, or about to be, and not shipped."""
        return self._stored + self._queued

    @property
    def accepts(self) -> bool:
        """Whether a request should be begun now, which will want its rows taken."""
        failing = bool(self.problem) and time.monotonic() - self._failed_at < FAILURE_SECONDS
        return not self._closed and not failing and not self._full

    @property
    def refusal(self) -> str:
        """What a caller is told while the outbox does not accept rows."""
        if self._closed:
            return "The service is shutting down; send the request again."
        return FULL if self._full or not self.problem else self.problem

    @property
    def _full(self) -> bool:
        nearly = self._max_rows - int(self._max_rows * (1 - NEARLY))
        return self.backlog.fill >= NEARLY or self.pending >= nearly

    def durability(self) -> Mapping[str, str]:
        """The settings that decide what a commit means, as the database reports them."""
        return self._store.durability()

    async def append(self, rows: Sequence[Row], replay: Replay | None = None) -> None:
        """Return when all rows, and the reply kept beside them, are durable in one transaction.

        Args:
            rows: may be empty where there is a replay.
            replay: without a body it reserves its key; with one it fills the reservation, or a free place.

        Raises:
            EventWriteError: when they are not; then none of them is.
            ReplayTaken: when another request holds the key; then none of them is.
        """
        with self._lock:
            if self._closed:
                raise EventWriteError(self.refusal)
            if self.pending + len(rows) > self._max_rows:
                raise EventWriteError(FULL)
            self._queued += len(rows)
            loop = asyncio.get_running_loop()
            future: asyncio.Future[None] = loop.create_future()
            self._queue.put(_Waiting(Submission(rows, replay), future, loop))
        await future

    async def find_replay(self, tenant_id: str, route: str, key_sha256: str) -> Replay | None:
        """The reply kept under a key, its reservation, or None.

        Raises:
            EventWriteError: when the outbox cannot be read.
        """
        now = datetime.now(UTC)
        try:
            return await asyncio.to_thread(self._store.find_replay, tenant_id, route, key_sha256, now)
        except StoreFailed as error:
            raise EventWriteError(f"The outbox cannot be read: {error}.") from error

    async def release_replay(self, replay: Replay) -> None:
        """Give up a reservation, so that the key can be tried again at once; does nothing where it is filled."""
        try:
            await asyncio.to_thread(self._store.release_replay, replay)
        except StoreFailed as error:
            raise EventWriteError(f"The outbox cannot be written: {error}.") from error

    def days(self, tenant_id: str) -> Mapping[str, int]:
        """How many events a tenant had on each UTC day, in order; for any thread, as `Store.days`."""
        return self._store.days(tenant_id)

    def events(self, tenant_id: str, day: str, after: int, most: int) -> Sequence[StoredEvent]:
        """Events of a day that wait, after a sequence; for any thread, as `Store.events`."""
        return self._store.events(tenant_id, day, after, most)

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
        self._store.close()

    def _write(self) -> None:
        while True:
            batch, order = self._next()
            if batch:
                self._commit(batch)
            if order is _Order.RECOUNT or (batch and time.monotonic() - self._counted_at > RECOUNT_SECONDS):
                self._recount()
            if order is _Order.STOP:
                return

    def _next(self) -> tuple[list[_Waiting], _Order | None]:
        """What goes into one commit, and an order that came after it; waits until there is either."""
        batch: list[_Waiting] = []
        rows = 0
        while rows < BATCH_ROWS:
            item = self._queue.get()
            if isinstance(item, _Order):
                return batch, item
            batch.append(item)
            rows += len(item.submission.rows)
            if self._queue.empty():
                break
        return batch, None

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        started = time.monotonic()
        error: MapperError | None = None
        stored: Sequence[bool] = ()
        try:
            stored = self._store.append([waiting.submission for waiting in batch], datetime.now(UTC))
            self.problem = ""
        except Exception as failure:  # noqa: BLE001  (these callers are refused; the thread lives on for the next)
            error = EventWriteError(self._failed("written", failure))
        outcomes = [error] * len(batch) if error else [None if kept else _taken() for kept in stored]
        rows = sum(len(w.submission.rows) for w, outcome in zip(batch, outcomes, strict=True) if outcome is None)
        with self._lock:
            self._queued -= sum(len(waiting.submission.rows) for waiting in batch)
            self._stored += rows
        self._tell(rows, time.monotonic() - started, failed=error is not None)
        for loop in {waiting.loop for waiting in batch}:
            theirs = [(w.future, outcome) for w, outcome in zip(batch, outcomes, strict=True) if w.loop is loop]
            try:
                loop.call_soon_threadsafe(_resolve, theirs)
            except RuntimeError:  # that loop is closed: nobody waits there any more
                continue

    def _recount(self) -> None:
        try:
            self.backlog = self._store.backlog()
            self._stored = self.backlog.rows
            self._counted_at = time.monotonic()
        except Exception as failure:  # noqa: BLE001  (as above)
            self._failed("read", failure)

    def _failed(self, action: str, failure: Exception) -> str:
        """Note why the outbox does not work. Only the store's own messages are repeated: others may quote a row."""
        told = str(failure) if isinstance(failure, StoreFailed) else type(failure).__name__
        self.problem = f"The outbox cannot be {action}: {told}."
        self._failed_at = time.monotonic()
        return self.problem

    def _tell(self, rows: int, seconds: float, *, failed: bool) -> None:
        try:
            if rows or failed:
                self._on_commit(rows, seconds)
        except Exception as failure:
            log.error("outbox.listener_failed", exc_info=failure)


def age(backlog_moment: datetime | None) -> float:
    """Seconds since something in the outbox was recorded; 0 for nothing, and after the clock was set back."""
    return max(0.0, (datetime.now(UTC) - backlog_moment).total_seconds()) if backlog_moment else 0.0


def _taken() -> ReplayTaken:
    return ReplayTaken("Another request holds this idempotency key.")


def _resolve(outcomes: Sequence[tuple["asyncio.Future[None]", MapperError | None]]) -> None:
    for future, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
