"""Writes what comes over a connection into a store: whatever arrives while it commits goes into the next commit.

It runs in a process of its own, so that whoever answers requests does not share an interpreter lock with a database, or
in a thread; the outbox at the other end (`outbox`) does not see which. It ends when the other end closes, and
what it has read by then is durable: also when whoever started it is killed.
"""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from mapper_serving.outbox.store import Store, StoreFailed
from mapper_serving.outbox.wire import Outcome, Unpacker, outcome_sent, packed, submission_received

BATCH_ROWS: Final = 512
RECOUNT_SECONDS: Final = 1.0
"""How often the writer looks at what other processes have written and shipped."""

_AT_ONCE: Final = 1 << 20
"""Most bytes read from the connection at a time."""


class Writer(Protocol):
    """A writer that was started.

    Attributes:
        connection: the outbox's end; closing it lets the writer end.
    """

    connection: socket.socket

    def join(self, seconds: float) -> None:
        """Wait until it has ended, no longer than this; then end it."""

    def end(self) -> None:
        """End it at once, if that can be done."""


class InThread:
    """A writer in this process."""

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self.connection, theirs = socket.socketpair()
        self._thread = threading.Thread(target=serve, args=(theirs, open_store), name="outbox", daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        """As `Writer.join`."""
        self._thread.join(seconds)

    def end(self) -> None:
        """As `Writer.end`: a thread cannot be ended."""


class Apart:
    """A writer in a child process."""

    def __init__(self, settings: str) -> None:
        """Start it.

        Args:
            settings: as JSON; say where the store is.
        """
        self.connection, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[theirs.fileno()])
        if self._process.stdin is not None:
            self._process.stdin.write(settings.encode() + b"\n")
            self._process.stdin.close()

    def join(self, seconds: float) -> None:
        """As `Writer.join`."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def end(self) -> None:
        """As `Writer.end`."""
        self._process.kill()


def serve(connection: socket.socket, open_store: Callable[[], Store]) -> None:
    """Commit what comes until the other end closes. A store that cannot be opened is tried again with what comes."""
    store: Store | None = None
    counted_at = time.monotonic()
    with connection:
        for group in _groups(connection):
            started = time.monotonic()
            kept, problem, backlog = [False] * len([message for message in group if message]), "", None
            try:
                store = store or open_store()
                if kept:
                    submissions = [submission_received(*message) for message in group if message]
                    kept = list(store.append(submissions, datetime.now(UTC)))
            except Exception as failure:  # noqa: BLE001  (these callers are refused; the next may fare better)
                problem = told("written", failure)
            seconds = time.monotonic() - started
            if store is not None and (not all(group) or time.monotonic() - counted_at > RECOUNT_SECONDS):
                try:
                    backlog, counted_at = store.backlog(), time.monotonic()
                except Exception as failure:  # noqa: BLE001  (as above)
                    problem = problem or told("read", failure)
            with contextlib.suppress(OSError):  # nobody may be there to be told; it is written all the same
                connection.sendall(packed(outcome_sent(Outcome(kept, seconds, problem, backlog))))
    if store is not None:
        store.close()


def _groups(connection: socket.socket) -> Iterator[Sequence[list[Any]]]:
    """Messages that came while the last group was dealt with, until the other end closes."""
    unpacker = Unpacker()
    while True:
        try:
            data = connection.recv(_AT_ONCE)
        except OSError:
            return
        if not data:
            return
        group: list[list[Any]] = []
        rows = 0
        for message in unpacker.feed(data):
            group.append(message)
            rows += len(message[0]) if message else 0
            if rows >= BATCH_ROWS:
                yield group
                group, rows = [], 0
        if group:
            yield group


def told(action: str, failure: Exception) -> str:
    """Why the store does not work. Only its own messages are repeated: others may quote a row."""
    return f"The outbox cannot be {action}: {failure if isinstance(failure, StoreFailed) else type(failure).__name__}."


def main() -> None:
    """Write as the child of an `Apart`: the connection is an argument, the settings are a line of standard input."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group; the parent says when to end
        signal.signal(number, signal.SIG_IGN)
    from mapper_serving.outbox.open import open_store
    from mapper_serving.settings import Settings

    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    serve(socket.socket(fileno=int(sys.argv[1])), lambda: open_store(settings))


if __name__ == "__main__":
    main()
