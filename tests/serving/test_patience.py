"""Who is cut off for being slow, and who is not; the clock is the test's own."""

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
