"""How long clients may take to say what they want: connections on which no request gets complete are ended.

uvicorn waits for the end of the headers as long as anything comes, a byte a minute too. Here it is looked every second
who has been at it for too long. Who is late with a body is told so by whoever reads it (`routes.lean.read_body`). A
timer for each request would be more exact, and cost more than reading one.
"""

import asyncio
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Protocol


class Cycle(Protocol):
    """One request and its answer, as uvicorn has it: there once the headers are complete."""

    response_complete: bool


class Connection(Protocol):
    """A connection as uvicorn has it.

    Attributes:
        cycle: its latest request; None before the first.
    """

    transport: asyncio.Transport
    cycle: Cycle | None


class Patience:
    """Since when each connection has had no request that is being answered, and who reads a body since when."""

    def __init__(self, seconds: float) -> None:
        """With so many seconds for the headers of each request, and as many for its body."""
        self.seconds = seconds
        self._reading: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._waiting: dict[Connection, tuple[Cycle | None, float]] = {}

    def look(self, connections: Iterable[Connection], now: float) -> None:
        """End the connections that have waited for too long.

        Args:
            connections: all that are open.
            now: a monotonic time; connections are judged by when they were first looked at.
        """
        for task, since in self._reading.items():
            if now - since >= self.seconds and task not in self._late:
                self._late.add(task)
                task.cancel()
        waiting: dict[Connection, tuple[Cycle | None, float]] = {}
        for connection in connections:
            cycle = connection.cycle
            if cycle is not None and not cycle.response_complete:
                continue
            before, since = self._waiting.get(connection, (cycle, now))
            if before is not cycle:  # it was answered meanwhile
                since = now
            if now - since >= self.seconds:
                connection.transport.close()
            waiting[connection] = (cycle, since)
        self._waiting = waiting

    def limit(self) -> "Limit":
        """Around reading a body: ends it with `TimeoutError` when it takes too long."""
        return Limit(self._reading, self._late)


class Limit:
    """What `asyncio.timeout` does, without a timer. A class, because each request pays for one."""

    __slots__ = ("_late", "_reading", "_task")

    def __init__(self, reading: "dict[asyncio.Task[object], float]", late: "set[asyncio.Task[object]]") -> None:
        self._reading, self._late = reading, late
        self._task: asyncio.Task[object] | None = None

    def __enter__(self) -> None:
        """Begin."""
        self._task = asyncio.current_task()
        if self._task is not None:
            self._reading[self._task] = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End.

        Raises:
            TimeoutError: instead of the cancellation that `Patience.look` asked for.
        """
        if self._task is None:
            return
        del self._reading[self._task]
        if self._task in self._late:
            self._late.discard(self._task)
            if self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
                raise TimeoutError from error
