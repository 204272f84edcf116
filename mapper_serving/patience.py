"""How long clients may take to say what they want: connections on which no request gets complete are ended.

uvicorn waits for the end of the headers as long as anything comes, a byte a minute too. Here it is looked every second
who has been at it for too long. Bodies are not waited for here but in `routes.lean.read_body`, which can answer.
"""

import asyncio
from collections.abc import Iterable
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
    """Since when each connection has had no request that is being answered."""

    def __init__(self, seconds: float) -> None:
        """With so many seconds for the headers of each request."""
        self._seconds = seconds
        self._waiting: dict[Connection, tuple[Cycle | None, float]] = {}

    def look(self, connections: Iterable[Connection], now: float) -> None:
        """End the connections that have waited for too long.

        Args:
            connections: all that are open.
            now: a monotonic time; connections are judged by when they were first looked at.
        """
        waiting: dict[Connection, tuple[Cycle | None, float]] = {}
        for connection in connections:
            cycle = connection.cycle
            if cycle is not None and not cycle.response_complete:
                continue
            before, since = self._waiting.get(connection, (cycle, now))
            if before is not cycle:  # it was answered meanwhile
                since = now
            if now - since >= self._seconds:
                connection.transport.close()
            waiting[connection] = (cycle, since)
        self._waiting = waiting
