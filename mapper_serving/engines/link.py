"""A worker's connection to the engine host, in a thread of its own: made again whenever it ends.

What the worker holds is opened again by a host that has begun anew. While there is none, or it says nothing, a question
fails at once, so that nobody waits for an adapter that cannot answer.
"""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from typing import Any, Final

import structlog

from mapper_domain.errors import EngineError, EngineTimeout, ReleaseMismatch
from mapper_serving import tracing
from mapper_serving.engines.base import Parts
from mapper_serving.engines.wanted import OPENING, Wanted, fail, give
from mapper_serving.engines.wire import SILENT_SECONDS, Ask, failure, numbers_only, packed, parts_sent, received

AWAY: Final = "The engine host is away. It is started again."
SILENT: Final = "The engine host does not answer."
LEFT: Final = "This process asks the engine host no more."

RETRY_SECONDS: Final = 0.2
AGAIN_SECONDS: Final = 5.0
"""Time after which a host that refused an adapter it had before is asked for it again."""

LOOK_SECONDS: Final = 1.0
"""How often whoever opens an adapter makes sure that there is somebody to tell."""

HOPELESS: Final = 3
"""An adapter that so many hosts ended over is not waited for any more."""

log = structlog.get_logger(__name__)


class Link:
    """One connection for all adapters of this process. Its methods may be called from any thread."""

    def __init__(self, path: str) -> None:
        """Begin to connect to the host at a socket."""
        self._path = path
        self._numbers = itertools.count(1)
        self._wanted: dict[int, Wanted] = {}
        self._waiting: dict[int, Future[Sequence[float | None]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._heard_at = 0.0
        self._loop = asyncio.new_event_loop()
        self._running = self._loop.create_task(self._run())
        self._thread = threading.Thread(target=self._turn, name="engine-host", daemon=True)
        self._thread.start()

    def open(self, parts: Parts) -> int:
        """Have the host open an adapter, now and whenever it begins anew; what it is called from now on. Blocks.

        Raises:
            ReleaseMismatch: when the host refuses it, or there is none in time.
        """
        held = next(self._numbers)
        wanted = Wanted(packed("open", held, *parts_sent(parts)))
        self._soon(self._want, held, wanted)
        try:
            while not _settled(wanted.opened):
                if not self._thread.is_alive():
                    raise ReleaseMismatch(LEFT)
        except BaseException:
            self.close(held)
            raise
        return held

    def problem(self, held: int) -> str:
        """Why an adapter answers with less than it should, or cannot be asked; empty when it can."""
        wanted = self._wanted.get(held)
        return self._away() or (wanted.problem if wanted is not None else LEFT)

    async def ask(self, held: int, question: str, deadline: float, among: Collection[str] | None) -> Sequence[float]:
        """Log-probabilities in the order of the labels it was opened with; for the rest as `Adapter.ask`."""
        seconds = deadline - asyncio.get_running_loop().time()
        if seconds <= 0:
            raise EngineTimeout("There is no time left to ask the adapter.")
        wanted = self._wanted.get(held)
        if self._away() or wanted is None or not wanted.ready:
            raise EngineError(self.problem(held) or OPENING)
        number = next(self._numbers)
        asked = Ask(number, held, question, seconds, None if among is None else list(among), tracing.outgoing())
        answer: Future[Sequence[float | None]] = Future()
        self._soon(self._put, number, packed("ask", *asked), answer)
        try:
            async with asyncio.timeout_at(deadline):
                return numbers_only(await asyncio.wrap_future(answer))
        except TimeoutError:
            raise EngineTimeout("The adapter did not answer in time.") from None
        finally:
            if answer.cancel():
                self._soon(self._drop, number)

    def close(self, held: int) -> None:
        """Give an adapter back; what it was asked before may still be answered."""
        self._soon(self._forget, held)

    def shut(self) -> None:
        """Leave the host; whoever waits for it is told."""
        self._soon(self._running.cancel)
        self._thread.join()

    def _away(self) -> str:
        if self._writer is None:
            return AWAY
        return SILENT if time.monotonic() - self._heard_at > SILENT_SECONDS else ""

    def _soon(self, act: Callable[..., object], *arguments: object) -> None:
        """Do something in the link's thread.

        Raises:
            EngineError: when that has ended.
        """
        try:
            self._loop.call_soon_threadsafe(act, *arguments)
        except RuntimeError:
            if act in (self._want, self._put):
                raise EngineError(LEFT) from None

    # From here on everything happens in the link's own thread.

    def _turn(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(asyncio.wait((self._running,)))
            self._lose(LEFT)
            for wanted in self._wanted.values():
                fail(wanted.opened, ReleaseMismatch(LEFT))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    async def _run(self) -> None:
        while True:
            try:
                reader, self._writer = await asyncio.open_unix_connection(self._path)
            except OSError:
                self._give_up(lambda wanted: time.monotonic() > wanted.until, AWAY)
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                await self._listen(reader, self._writer)
            except Exception as error:  # nothing a host says may end this
                log.error("host.link", exc_info=error)
            log.warning("host.lost")
            self._lose(AWAY)
            self._give_up(lambda wanted: wanted.ended >= HOPELESS, f"{HOPELESS} engine hosts ended over this adapter.")
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._heard_at = time.monotonic()
        log.info("host.met")
        for wanted in self._wanted.values():
            writer.write(wanted.message)
        async for message in received(reader):
            self._heard_at = time.monotonic()
            self._do(message)

    def _do(self, message: list[Any]) -> None:
        match message:
            case ["said", number, values]:
                give(self._waiting.pop(number, None), values)
            case ["failed", number, silence, why]:
                fail(self._waiting.pop(number, None), failure(silence, why))
            case ["state", states]:
                for held, problem in states:
                    if held in self._wanted:
                        self._wanted[held].problem = problem
            case ["opened", held] if held in self._wanted:
                wanted = self._wanted[held]
                wanted.ready, wanted.problem = True, ""
                give(wanted.opened, None)
            case ["refused", held, why] if held in self._wanted:
                self._refused(held, self._wanted[held], why)

    def _refused(self, held: int, wanted: Wanted, why: str) -> None:
        if not wanted.opened.done():
            fail(wanted.opened, ReleaseMismatch(why))
            return
        wanted.problem = why
        log.error("host.refused", reason=why)
        self._loop.call_later(AGAIN_SECONDS, self._again, held, self._writer)

    def _again(self, held: int, writer: asyncio.StreamWriter | None) -> None:
        wanted = self._wanted.get(held)
        if writer is not None and writer is self._writer and wanted is not None and not wanted.ready:
            writer.write(wanted.message)

    def _want(self, held: int, wanted: Wanted) -> None:
        self._wanted[held] = wanted
        if self._writer is not None:
            self._writer.write(wanted.message)

    def _forget(self, held: int) -> None:
        if self._wanted.pop(held, None) is not None and self._writer is not None:
            self._writer.write(packed("close", held))

    def _put(self, number: int, message: bytes, answer: "Future[Sequence[float | None]]") -> None:
        if self._writer is None:
            fail(answer, EngineError(AWAY))
            return
        self._waiting[number] = answer
        self._writer.write(message)

    def _drop(self, number: int) -> None:
        if self._waiting.pop(number, None) is not None and self._writer is not None:
            self._writer.write(packed("drop", number))

    def _lose(self, why: str) -> None:
        """The connection is gone, and what was asked over it is not answered."""
        if self._writer is not None:
            self._writer.transport.abort()
        self._writer = None
        for answer in self._waiting.values():
            fail(answer, EngineError(why))
        self._waiting.clear()
        for wanted in self._wanted.values():
            wanted.ready, wanted.problem, wanted.ended = False, OPENING, wanted.ended + 1

    def _give_up(self, hopeless: Callable[[Wanted], bool], why: str) -> None:
        """Tell those who wait for an adapter to be opened and had better not."""
        for wanted in self._wanted.values():
            if hopeless(wanted):
                fail(wanted.opened, ReleaseMismatch(why))


def _settled(opened: "Future[None]") -> bool:
    """Whether it is open after another moment; raises what keeps it from being so."""
    try:
        opened.result(LOOK_SECONDS)
    except TimeoutError:
        return False
    return True
