"""The outbox as requests see it: bounded, durable, and committed in groups.

A writer commits (`writer`); whatever arrives while it does goes into its next commit. Shipping rows onward is
`shipping`'s business, and what a commit means is the `Store`'s.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import structlog

from mapper_domain.errors import EventWriteError, MapperError
from mapper_serving.outbox.link import Link
from mapper_serving.outbox.rows import Replay, ReplayTaken, Row
from mapper_serving.outbox.store import Store, StoredEvent, StoreFailed, Submission
from mapper_serving.outbox.wire import RECOUNT, Outcome, packed, submission_sent
from mapper_serving.outbox.writer import Writer, told

NEARLY: Final = 0.95
"""From this share of the bound on, the outbox says it does not accept rows; what is under way still fits."""
FAILURE_SECONDS: Final = 5.0
"""How long after a failed commit it says so, too; then only trying can tell."""
YOUNG_SECONDS: Final = 1.0
"""Least time between the starts of two writers, so that one that cannot live does not take the machine."""
HANG_SECONDS: Final = 60.0
"""A writer that has not answered for so long has hung. Longer than a database is waited for."""

FULL: Final = "The outbox is full because events are not being shipped; try again later."
GONE: Final = "The outbox cannot be written: its writer has ended; another one is started."

log = structlog.get_logger(__name__)
OnCommit = Callable[[int, float], None]


class _Waiting(NamedTuple):
    rows: int
    since: float
    future: "asyncio.Future[None]"


class Outbox:
    """Used from one event loop at a time; a writer elsewhere commits.

    Attributes:
        problem: why the last commit failed, or empty.
        backlog: what waited when it was last counted.
    """

    def __init__(
        self,
        store: Store,
        start_writer: Callable[[], Writer],
        *,
        max_rows: int,
        on_commit: OnCommit = lambda _rows, _seconds: None,
        hang_seconds: float = HANG_SECONDS,
    ) -> None:
        """Begin writing.

        Args:
            store: what is in it is looked up here; closed with this.
            start_writer: starts a writer to the same place; called again when one has ended by itself.
            max_rows: rows it holds, shipped ones aside, before it refuses.
            on_commit: told rows and seconds of every commit; rows are 0 for one that failed.
            hang_seconds: after which a writer that does not answer is ended.

        Raises:
            EventWriteError: when the store cannot be read.
        """
        self.problem = ""
        self._failed_at = 0.0
        self._max_rows = max_rows
        self._on_commit = on_commit
        self._hang_seconds = hang_seconds
        self._watched: asyncio.AbstractEventLoop | None = None
        self._store = store
        self._waiting: deque[_Waiting] = deque()
        self._queued = 0
        self._closed = False
        self._closing = threading.Lock()
        try:
            self.backlog = store.backlog()
        except StoreFailed as error:
            raise EventWriteError(f"The outbox cannot be read: {error}.") from error
        self._stored = self.backlog.rows
        self._start_writer = start_writer
        self._started_at = time.monotonic()
        self._writer = start_writer()
        self._link: Link | None = Link(self._writer.connection, self._settle, self._lost)

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
        try:
            message = packed(submission_sent(Submission(rows, replay)))
        except TypeError as failure:
            raise EventWriteError(told("written", failure)) from None
        if self._closed:
            raise EventWriteError(self.refusal)
        if self._link is None:
            raise EventWriteError(GONE)
        if self.pending + len(rows) > self._max_rows:
            raise EventWriteError(FULL)
        self._queued += len(rows)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting.append(_Waiting(len(rows), loop.time(), future))
        if self._watched is not loop:
            self._watch(loop)
        self._link.send(message, len(rows))
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
        """Have rows counted again, because somebody, maybe another process, has shipped some; from any thread."""
        if (link := self._link) is not None:
            link.post(packed(RECOUNT))

    def close(self) -> None:
        """Make everything submitted durable, then stop; from any thread."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        if (link := self._link) is not None:
            link.finish()
        self._writer.join(self._hang_seconds)
        self._store.close()

    def _settle(self, outcome: Outcome) -> None:
        """Tell those who wait what became of a commit."""
        rows = 0
        for kept in outcome.kept:
            waiting = self._waiting.popleft()
            self._queued -= waiting.rows
            rows += waiting.rows if kept else 0
            _resolve(
                waiting.future, None if kept else EventWriteError(outcome.problem) if outcome.problem else _taken()
            )
        if outcome.backlog is None:
            self._stored += rows
        else:
            self.backlog, self._stored = outcome.backlog, outcome.backlog.rows
        if outcome.problem:
            self._failed(outcome.problem)
        elif outcome.kept or self.problem == GONE:
            self.problem = ""
        failed = bool(outcome.problem) and not any(outcome.kept)
        if rows or failed:
            self._tell(rows, outcome.seconds)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """End a writer that has hung; who waited for it is told when its connection ends. Looks while anybody waits."""
        self._watched = None
        if not self._waiting:
            return
        left = self._waiting[0].since + self._hang_seconds - loop.time()
        if left <= 0:
            log.error("outbox.writer_hung")
            self._writer.end()
            return
        self._watched = loop
        loop.call_later(left, self._watch, loop)

    def _lost(self) -> None:
        """The writer has ended: what it was given may be durable or not, and nobody is told that it is."""
        self._link = None
        if self._waiting:
            self._tell(0, asyncio.get_running_loop().time() - self._waiting[0].since)
        while self._waiting:
            _resolve(self._waiting.popleft().future, EventWriteError(GONE))
        self._queued = 0
        if self._closed:
            return
        self._failed(GONE)
        log.error("outbox.writer_ended")
        asyncio.get_running_loop().call_later(
            max(0.0, self._started_at + YOUNG_SECONDS - time.monotonic()), self._start
        )

    def _start(self) -> None:
        if self._closed:
            return
        self._started_at = time.monotonic()
        self._writer = self._start_writer()
        self._link = Link(self._writer.connection, self._settle, self._lost)
        self._link.send(packed(RECOUNT), 0)  # its answer says that it works

    def _failed(self, problem: str) -> None:
        self.problem = problem
        self._failed_at = time.monotonic()

    def _tell(self, rows: int, seconds: float) -> None:
        try:
            self._on_commit(rows, seconds)
        except Exception as failure:
            log.error("outbox.listener_failed", exc_info=failure)


def age(backlog_moment: datetime | None) -> float:
    """Seconds since something in the outbox was recorded; 0 for nothing, and after the clock was set back."""
    return max(0.0, (datetime.now(UTC) - backlog_moment).total_seconds()) if backlog_moment else 0.0


def _taken() -> ReplayTaken:
    return ReplayTaken("Another request holds this idempotency key.")


def _resolve(future: "asyncio.Future[None]", error: MapperError | None) -> None:
    if future.done():  # nobody waits any more
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
