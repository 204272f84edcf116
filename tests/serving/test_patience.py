"""Who is cut off for being slow, and who is not; the clock is the test's own."""

import asyncio
import time
from dataclasses import dataclass, field

import pytest

from mapper_serving.patience import Patience


@dataclass
class Transport:
    """Stands in for a socket: knows only whether it was closed."""

    closed: bool = False

    def close(self) -> None:
        """As `asyncio.Transport.close`."""
        self.closed = True


@dataclass
class Request:
    """A request whose headers are complete, as uvicorn keeps it."""

    response_complete: bool = False


@dataclass(eq=False)
class Client:
    """A connection, as uvicorn keeps it."""

    cycle: Request | None = None
    transport: Transport = field(default_factory=Transport)


@pytest.mark.parametrize("cycle", [None, Request(response_complete=True)], ids=["no request yet", "an answered one"])
def test_a_connection_on_which_no_request_gets_complete_is_ended_in_time_and_not_before(cycle: Request | None) -> None:
    patience, client = Patience(10), Client(cycle)
    for now in range(100, 110):
        patience.look([client], now)
    assert not client.transport.closed
    patience.look([client], 110)
    assert client.transport.closed


def test_a_request_that_is_being_answered_may_take_as_long_as_it_takes() -> None:
    patience, client = Patience(10), Client(Request())
    for now in range(100, 200):
        patience.look([client], now)
    assert not client.transport.closed


def test_every_answered_request_gives_a_connection_new_time() -> None:
    patience, client = Patience(10), Client()
    for now in range(100, 200, 8):
        patience.look([client], now)
        client.cycle = Request(response_complete=True)
    assert not client.transport.closed


def test_who_reads_a_body_for_too_long_is_ended_and_who_was_in_time_is_not() -> None:
    patience = Patience(10)

    async def read(seconds: float) -> str:
        try:
            with patience.limit():
                await asyncio.sleep(seconds)
        except TimeoutError:
            return "too late"
        await asyncio.sleep(0.01)  # goes on as if nothing had been
        return "read"

    async def look() -> list[str]:
        reading = [asyncio.create_task(read(seconds)) for seconds in (0, 60)]
        await asyncio.sleep(0.005)
        for after in (9, 11, 12):
            patience.look([], time.monotonic() + after)
        return await asyncio.gather(*reading)

    assert asyncio.run(look()) == ["read", "too late"]


def test_who_is_cancelled_by_somebody_else_meanwhile_stays_cancelled() -> None:
    patience = Patience(10)

    async def read() -> None:
        with patience.limit():
            await asyncio.sleep(60)

    async def cancel() -> None:
        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        patience.look([], time.monotonic() + 11)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(cancel())
