"""uvicorn's HTTP/1.1 with one difference: head and body of an answer leave in one piece.

uvicorn writes them one after the other, which costs two system calls here and two packets at the other end.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OnePiece(HttpToolsProtocol):
    """Answers of one connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As `asyncio.Protocol.connection_made`."""
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", Gathering(transport, self.loop))


class Gathering:
    """A transport that holds a first write back until the second one, or until the loop's round is over."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        """Everything else is the transport's own."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """As `asyncio.Transport.write`."""
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held + data)
        else:
            self._held = data
            self._loop.call_soon(self._flush)

    def close(self) -> None:
        """As `asyncio.Transport.close`, once everything is written."""
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        """As `asyncio.Transport.is_closing`."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)
