"""The outbox's end of the connection to its writer: sends without waiting, from whichever event loop it is used."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from mapper_serving.outbox.wire import Outcome, Unpacker, outcome_received

AT_ONCE: Final = 8
"""So many rows are sent before the loop's round is over: a commit begins while the rest of it is still answered."""

_MOST_BYTES: Final = 1 << 16


class Link:
    """Used from one event loop at a time; goes along when that changes."""

    def __init__(self, connection: socket.socket, heard: Callable[[Outcome], None], lost: Callable[[], None]) -> None:
        """Over a connection that is this object's from now on.

        Args:
            connection: to the writer.
            heard: told every outcome.
            lost: told, once, that the writer is gone.
        """
        connection.setblocking(False)
        self._connection = connection
        self._heard, self._lost = heard, lost
        self._unpacker = Unpacker()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._out = bytearray()
        self._rows = 0
        self._due = self._blocked = False
        self._posted = b""
        if (loop := _running()) is not None:
            self._move(loop)

    def send(self, message: bytes, rows: int) -> None:
        """Send a message that holds so many rows, at the end of this round of the running loop or sooner."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._move(loop)
        self._out += message
        self._rows += rows
        if self._rows >= AT_ONCE:
            self._flush()
        elif not self._due:
            self._due = True
            loop.call_soon(self._flush)

    def post(self, message: bytes) -> None:
        """Send a message from any thread. While no loop would hear the answer, only the last one is kept for later."""
        with contextlib.suppress(RuntimeError):  # that loop is closed
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self.send, message, AT_ONCE)
                return
        self._posted = message

    def finish(self) -> None:
        """Have everything sent, then nothing more; from any thread."""
        with contextlib.suppress(RuntimeError):
            if self._loop is not None and self._loop.is_running() and self._loop is not _running():
                self._loop.call_soon_threadsafe(self._finish)
                return
        self._finish()
        if self._loop is None or not self._loop.is_running():  # nobody will hear the writer, which must not wait
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RD)

    def _finish(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.setblocking(True)
            self._connection.sendall(self._out)
            self._out.clear()
            self._connection.shutdown(socket.SHUT_WR)
            self._connection.setblocking(False)

    def _move(self, loop: asyncio.AbstractEventLoop) -> None:
        """Be heard on this loop; the one before is over."""
        self._loop = loop
        self._due = self._blocked = False
        self._out += self._posted
        self._posted = b""
        loop.add_reader(self._connection, self._receive)

    def _flush(self) -> None:
        self._due = False
        self._rows = 0
        try:
            sent = self._connection.send(self._out) if self._out else 0
        except BlockingIOError:
            sent = 0
        except OSError:  # reading tells that it is gone
            self._out.clear()
            return
        del self._out[:sent]
        if self._loop is not None and bool(self._out) is not self._blocked:
            self._blocked = bool(self._out)
            if self._blocked:
                self._loop.add_writer(self._connection, self._flush)
            else:
                self._loop.remove_writer(self._connection)

    def _receive(self) -> None:
        try:
            data = self._connection.recv(_MOST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            self._lost()
            return
        for message in self._unpacker.feed(data):
            self._heard(outcome_received(*message))

    def close(self) -> None:
        """Give the connection up."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._connection)
            self._loop.remove_writer(self._connection)
        self._connection.close()


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
