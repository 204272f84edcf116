"""Answers leave in one piece, on uvicorn's own transport, and nothing of them is lost or changes places."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from mapper_serving.protocol import Gathering


class Recorder(asyncio.Transport):
    """A transport that keeps what was written, in the pieces it came in, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        self.closed = False

    def write(self, data: object) -> None:
        """As `asyncio.Transport.write`."""
        assert isinstance(data, bytes)
        self.pieces.append(data)

    def close(self) -> None:
        """As `asyncio.Transport.close`."""
        self.closed = True

    def is_closing(self) -> bool:
        """As `asyncio.Transport.is_closing`."""
        return self.closed


async def whole(transport: Gathering) -> None:
    transport.write(b"head")
    transport.write(b"body")


async def head_alone(transport: Gathering) -> None:
    transport.write(b"head")


async def two_answers(transport: Gathering) -> None:
    for _ in range(2):
        await whole(transport)


async def a_stream(transport: Gathering) -> None:
    for part in (b"head", b"1", b"2"):
        transport.write(part)
        await asyncio.sleep(0.001)


async def closed_at_once(transport: Gathering) -> None:
    transport.write(b"head")
    transport.close()
    assert transport.is_closing()


@pytest.mark.parametrize(
    ("written", "pieces"),
    [
        (whole, [b"headbody"]),
        (head_alone, [b"head"]),
        (two_answers, [b"headbody", b"headbody"]),
        (a_stream, [b"head", b"1", b"2"]),
        (closed_at_once, [b"head"]),
    ],
)
def test_what_is_written_together_leaves_together(
    written: Callable[[Gathering], Awaitable[None]], pieces: list[bytes]
) -> None:
    recorder = Recorder()

    async def write() -> None:
        await written(Gathering(recorder, asyncio.get_running_loop()))
        await asyncio.sleep(0)

    asyncio.run(write())
    assert recorder.pieces == pieces
    assert recorder.closed is (written is closed_at_once)
