"""What a worker waits for from the engine host: adapters that shall be open, and answers."""

import time
from concurrent.futures import Future
from typing import Any, Final

START_SECONDS: Final = 60.0
"""How long whoever opens an adapter waits for a host to connect to."""

OPENING: Final = "The engine host opens the adapter again."


class Wanted:
    """An adapter this process wants open.

    Attributes:
        message: asks for it.
        opened: done when it is open for the first time, or never will be.
        problem: as `Engine.problem`; set while it is not open too.
        ready: whether it can be asked.
        ended: connections that ended before it was open for the first time.
        until: `time.monotonic()` by which there has to be a connection.
    """

    def __init__(self, message: bytes) -> None:
        self.message = message
        self.opened: Future[None] = Future()
        self.problem = OPENING
        self.ready = False
        self.ended = 0
        self.until = time.monotonic() + START_SECONDS


def give(waiting: "Future[Any] | None", value: object) -> None:
    """Let whoever waits have this, unless nobody does any more."""
    if waiting is not None and not waiting.done() and waiting.set_running_or_notify_cancel():
        waiting.set_result(value)


def fail(waiting: "Future[Any] | None", error: Exception) -> None:
    """Let whoever waits know that it failed, unless nobody does any more."""
    if waiting is not None and not waiting.done() and waiting.set_running_or_notify_cancel():
        waiting.set_exception(error)
