"""`python -m mapper_serving.engines.host SOCKET`: the engine host, one process that holds the adapters of all workers.

It is started by whoever starts the workers (`host_process`), asked by them (`link`), and leaves when its standard input
is closed, after the last worker has. A connection that ends gives back what it had opened. On standard output it says
twice a second that it is there.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any, Final, NamedTuple

import structlog

from mapper_domain.errors import EngineError, MapperError
from mapper_serving import logs
from mapper_serving.engines.base import silence
from mapper_serving.engines.duo import Adapter, Opener
from mapper_serving.engines.opening import holder
from mapper_serving.engines.shelf import Shelf
from mapper_serving.engines.wire import BEAT_SECONDS, Ask, packed, parts_received, received
from mapper_serving.settings import Settings
from mapper_serving.tracing import Tracing

MOST_UNREAD: Final = 1 << 20
"""Bytes a worker may leave unread before it is taken for dead."""

BEAT: Final = b"."

log = structlog.get_logger(__name__)


class Host:
    """Lets connections open adapters, and ask them.

    Attributes:
        empty: whether there is no connection.
    """

    def __init__(self, opener: Opener) -> None:
        """A host of the adapters this opens."""
        self._shelf = Shelf(opener)
        self._guests: set[_Guest] = set()
        self.empty = asyncio.Event()
        self.empty.set()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        guest = _Guest(self._shelf, writer)
        self._guests.add(guest)
        self.empty.clear()
        try:
            await guest.attend(reader)
        finally:
            self._guests.discard(guest)
            if not self._guests:
                self.empty.set()


class _Held(NamedTuple):
    """An adapter that one connection holds, and the order of its labels there."""

    release: str
    labels: Sequence[str]
    adapter: Adapter


class _Guest:
    """One connection: what it holds, and what it waits for."""

    def __init__(self, shelf: Shelf, writer: asyncio.StreamWriter) -> None:
        self._shelf = shelf
        self._writer = writer
        self._held: dict[int, _Held] = {}
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._asking: dict[int, asyncio.Task[None]] = {}

    async def attend(self, reader: asyncio.StreamReader) -> None:
        """Do what it says until it is gone; then give back what it had."""
        beating = asyncio.create_task(self._beat())
        try:
            async for message in received(reader):
                self._do(message)
        finally:
            under_way = [beating, *self._opening.values(), *self._asking.values()]
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
            for held in self._held.values():
                self._shelf.leave(held.release)
            self._writer.close()

    def _do(self, message: list[Any]) -> None:
        match message:
            case ["ask", *asked]:
                ask = Ask(*asked)
                _keep(self._asking, ask.number, self._answer(ask))
            case ["drop", int(number)]:
                if number in self._asking:
                    self._asking[number].cancel()
            case ["open", int(held), *parts]:
                _keep(self._opening, held, self._open(held, parts))
            case ["close", int(held)]:
                if held in self._held:
                    self._shelf.leave(self._held.pop(held).release)
                elif held in self._opening:
                    self._opening[held].cancel()

    async def _open(self, held: int, sent: list[Any]) -> None:
        try:
            parts = parts_received(*sent)
            adapter = await self._shelf.take(parts)
        except MapperError as error:
            self._say("refused", held, str(error))
        except Exception as error:  # an error of some library
            log.error("adapter.not_opened", exc_info=error)
            self._say("refused", held, f"{type(error).__name__} while the adapter was opened.")
        else:
            self._held[held] = _Held(parts.manifest.id, parts.labels, adapter)
            self._say("opened", held)
            self._tell()

    async def _answer(self, ask: Ask) -> None:
        try:
            if ask.trace:
                Tracing().begin([(name.encode(), value.encode()) for name, value in ask.trace.items()])
            held = self._held.get(ask.held)
            if held is None:
                raise EngineError("The adapter is not open.")
            deadline = asyncio.get_running_loop().time() + ask.seconds
            said = await held.adapter.ask(ask.question, deadline, None if ask.among is None else frozenset(ask.among))
            self._say("said", ask.number, [said[label] for label in held.labels])
        except EngineError as error:
            self._say("failed", ask.number, silence(error), str(error))
        except Exception as error:  # the worker goes on
            log.error("adapter.failed", exc_info=error)
            self._say("failed", ask.number, "error", f"The adapter failed with {type(error).__name__}.")

    async def _beat(self) -> None:
        while True:
            self._tell()
            await asyncio.sleep(BEAT_SECONDS)

    def _tell(self) -> None:
        """Say how the adapters are that it holds."""
        self._say("state", [(held, one.adapter.problem) for held, one in self._held.items()])

    def _say(self, *message: object) -> None:
        if self._writer.transport.get_write_buffer_size() > MOST_UNREAD:
            self._writer.transport.abort()
        elif not self._writer.is_closing():
            self._writer.write(packed(*message))


def _keep(tasks: dict[int, "asyncio.Task[None]"], number: int, work: Coroutine[Any, Any, None]) -> None:
    """Begin some work, and know it by a number until it is done."""
    tasks[number] = asyncio.create_task(work)
    tasks[number].add_done_callback(lambda _task: tasks.pop(number, None))


@asynccontextmanager
async def hosting(opener: Opener, path: str) -> AsyncIterator[Host]:
    """A host that answers at a socket until the block ends.

    Args:
        opener: opens the adapters; closed in the end.
        path: of the socket; one that a host left there is replaced.
    """
    here = Host(opener)
    server = await asyncio.start_unix_server(here.meet, path)
    try:
        yield here
    finally:
        server.close()
        await asyncio.to_thread(opener.close)


def main(arguments: list[str]) -> int:
    """Be the engine host; 2 with a message when it cannot begin."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole group; who started it says when to leave
        signal.signal(number, _noted)
    settings = Settings()
    logs.configure(settings.log_level)
    logs.capture_the_rest()
    said = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no beat
    os.set_blocking(said, False)
    try:
        opener = holder(settings)
    except MapperError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    patience = settings.drain_seconds + settings.shutdown_seconds + settings.shutdown_ship_seconds
    asyncio.run(_attached(opener, arguments[0], said, patience))
    return 0


async def _attached(opener: Opener, path: str, said: int, patience: float) -> None:
    """Be the host of whoever is at the other ends of standard input and of `said`, and end this process with it.

    Args:
        opener: opens the adapters.
        path: of the socket.
        said: descriptor that beats go to.
        patience: seconds workers get to leave first, once standard input is closed.
    """
    leaving, loop = asyncio.Event(), asyncio.get_running_loop()

    def watch() -> None:
        sys.stdin.buffer.read()
        loop.call_soon_threadsafe(leaving.set)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    async with hosting(opener, path) as here:
        beating = asyncio.create_task(_beat(said))
        await leaving.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await here.empty.wait()
        beating.cancel()
    os._exit(0)  # without waiting for a thread that still loads a model


async def _beat(said: int) -> None:
    while True:
        with contextlib.suppress(OSError):  # whoever should read it is too busy, or gone
            os.write(said, BEAT)
        await asyncio.sleep(BEAT_SECONDS)


def _noted(_number: int, _frame: FrameType | None) -> None:
    """Nothing."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
