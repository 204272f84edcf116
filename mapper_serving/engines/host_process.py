"""The engine host as whoever starts the workers sees it: one process, started again when it ends or is silent."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import structlog

YOUNG_SECONDS: Final = 5.0
"""Least time between two starts, so that a host that cannot live does not take the machine."""

HANG_SECONDS: Final = 30.0
"""A host that was not heard for so long has hung. Longer than the libraries of a model take to be imported."""

log = structlog.get_logger(__name__)


class HostProcess:
    """Keeps one engine host alive. It outlives nobody who started it.

    Attributes:
        socket: where it is asked.
    """

    def __init__(self, folder: Path) -> None:
        """Start it.

        Args:
            folder: for its socket; nobody else may enter.
        """
        self.socket = folder / "engine"
        self._begun = False
        self._process = self._start()

    @property
    def pid(self) -> int:
        """Its process id; another one after each start."""
        return self._process.pid

    def look(self) -> int:
        """See to it that it runs; the exit status of one that never could begin, else 0."""
        ended = self._process.poll()
        if self._beats():
            self._begun, self._heard = True, time.monotonic()
        if ended is None:
            if time.monotonic() - self._heard > HANG_SECONDS:
                log.error("host.hung")
                self._process.kill()
            return 0
        if ended > 0 and not self._begun:
            return ended
        if time.monotonic() - self._started > YOUNG_SECONDS:
            log.error("host.ended", status=ended)
            self._close_pipes()
            self._process = self._start()
        return 0

    def close(self, seconds: float) -> None:
        """Have it leave, and wait no longer than this."""
        self._close_pipes()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        self._started = self._heard = time.monotonic()
        self._said, says = os.pipe()
        os.set_blocking(self._said, False)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.host", str(self.socket)], stdin=subprocess.PIPE, stdout=says
            )
        finally:
            os.close(says)

    def _beats(self) -> bool:
        """Whether it said anything since it was looked at last."""
        try:
            return bool(os.read(self._said, 4096))
        except BlockingIOError:
            return False

    def _close_pipes(self) -> None:
        os.close(self._said)
        if self._process.stdin is not None:
            self._process.stdin.close()
