"""Shipping in a process of its own, so that the one that answers does not share its interpreter lock with Parquet.

The child is told the settings on its first line of input, says in lines of JSON what it does, ships once more when it
is told to close, and ends at once when its input does: which it also does when whoever started it is killed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Literal

import orjson
import structlog

from mapper_serving import logs
from mapper_serving.secrets.opening import open_secrets
from mapper_serving.settings import Settings
from mapper_serving.shipping.drain import Shipped
from mapper_serving.shipping.shipper import SEGMENTS, Progress, Shipper

ARGUMENT = "--attached"
NICENESS = 10
"""Answering goes first: what waits to be shipped is safe."""

LEAVING_SECONDS = 1.0
"""How much longer than the work the end of the process may take."""

log = structlog.get_logger(__name__)
Said = tuple[Literal["shipped", "failed", "rounds"], str, int, int]


class _Child:
    """The process, and the pipes to and from it."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "mapper_serving.shipping", ARGUMENT]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    @property
    def said(self) -> Iterator[bytes]:
        """Lines it says, until it ends."""
        return iter(self._process.stdout or ())

    def tell(self, line: bytes) -> None:
        """Send a line, unless it has ended."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.write(line + b"\n")
                self._process.stdin.flush()

    def end(self) -> int:
        """End it if it has not; its exit status."""
        self._process.kill()
        with self._process:  # closes the pipes
            return self._process.wait()


class Apart:
    """A `Shipper` in a child process, which is started again whenever it ends."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self._settings = settings
        self._progress = progress
        self._closing = threading.Event()
        self._child = self._start()
        self._thread = threading.Thread(target=self._follow, name="shipper", daemon=True)
        self._thread.start()

    def close(self, seconds: float) -> None:
        """Have it ship what is left, for so long at most, then end it. What is not shipped stays in the outbox."""
        self._closing.set()
        self._child.tell(b"%f" % seconds)
        self._thread.join(seconds + LEAVING_SECONDS)
        self._child.end()

    def _start(self) -> _Child:
        child = _Child()
        child.tell(self._settings.model_dump_json().encode())
        return child

    def _follow(self) -> None:
        while True:
            for line in self._child.said:
                self._note(orjson.loads(line))
            if self._closing.is_set():
                return
            self._progress.failed(SEGMENTS)
            log.error("shipping.ended", status=self._child.end())
            if self._closing.wait(self._settings.ship_seconds):
                return
            self._child = self._start()

    def _note(self, said: Said) -> None:
        what, sink, events, rejections = said
        if what == "shipped":
            self._progress.shipped(sink, Shipped(events, rejections))
        elif what == "failed":
            self._progress.failed(sink)
        else:
            self._progress.rounds()


def attached() -> None:
    """Ship as the child of an `Apart`: settings, then how long closing may take, are lines of standard input."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group; the parent says when to end
        signal.signal(number, signal.SIG_IGN)
    os.nice(NICENESS)
    said = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what is logged is not meant for the parent
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    logs.configure(settings.log_level)
    lock = threading.Lock()

    def tell(what: str, sink: str, moved: Shipped) -> None:
        with lock:
            said.write(orjson.dumps((what, sink, *moved)) + b"\n")
            said.flush()

    nothing = Shipped()
    progress = Progress(
        shipped=lambda sink, moved: tell("shipped", sink, moved),
        failed=lambda sink: tell("failed", sink, nothing),
        rounds=lambda: tell("rounds", "", nothing),
    )
    shipper = Shipper(settings, progress, open_secrets(settings))
    line = sys.stdin.buffer.readline()
    if line:
        shipper.close(float(line))
    os._exit(0)  # without waiting for a thread that hangs
