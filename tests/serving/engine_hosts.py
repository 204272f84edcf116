"""Engine hosts in a thread of the test, over real sockets, and openers of fake adapters for them."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from serving_app import FakeScorer

from mapper_domain.ladder import Trust
from mapper_domain.question import Question
from mapper_domain.release import BaseModelRef, Manifest
from mapper_domain.voices import LogProbs
from mapper_serving.engines.base import Parts
from mapper_serving.engines.duo import Adapter, Opener
from mapper_serving.engines.host import hosting
from mapper_serving.engines.local import LocalAdapter

LABELS = ("PII.Contact.Email", "HARM.SPEECH.Threat", "JAILBREAK.Attempt", "OTHER.Safe", "OTHER.Unknown")


@dataclass
class FakeOpener(Opener):
    """Opens local adapters over fake scorers, and watches them.

    Attributes:
        make: the scorer of an adapter; may raise.
        queue: of every adapter.
        problem: of every adapter.
        opened: how many adapters were opened.
        closed: how many of them were closed.
        shut: whether the opener was.
    """

    make: Callable[[Parts], FakeScorer] = lambda parts: FakeScorer(parts.labels)
    queue: int = 64
    problem: str = ""
    opened: int = 0
    closed: int = 0
    shut: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def adapter(self, parts: Parts) -> Adapter:
        """As `Opener.adapter`."""
        scorer = self.make(parts)
        with self._lock:
            self.opened += 1
        return Watched(scorer, self)

    def close(self) -> None:
        """As `Opener.close`."""
        self.shut = True


class Watched(LocalAdapter):
    """An adapter whose opener knows when it is closed."""

    def __init__(self, scorer: FakeScorer, opener: FakeOpener) -> None:
        super().__init__(scorer, queue=opener.queue, problem=opener.problem)
        self._opener = opener

    async def close(self) -> None:
        """As `Adapter.close`."""
        await super().close()
        self._opener.closed += 1


def parts(seed: int = 0, labels: Sequence[str] = LABELS) -> Parts:
    """What an adapter of a made-up release is opened from; releases of different seeds differ."""
    sha256 = "0" * 64
    manifest = Manifest(
        base_model=BaseModelRef(name="small-base", sha256=sha256),
        adapter_sha256=sha256,
        adapter_rank=16,
        retriever_sha256=sha256,
        dataset_sha256=sha256,
        catalog_sha256=sha256,
        evaluation_sha256=sha256,
        taxonomy_version="1",
        frameworks_version="1",
        prompt_version="1",
        trust=Trust(),
        seed=seed,
        files={},
    )
    return Parts(Path("base"), Path("adapter"), Path("retriever"), labels, manifest)


def instruction(label: str) -> str:
    """A question about a label, as an adapter reads it."""
    return Question(detector="presidio", label=label).instruction


@contextmanager
def hosted(path: Path, opener: Opener) -> Iterator[None]:
    """An engine host at a socket; all of its connections end with it."""
    begun, loop, over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with hosting(opener, str(path)):
            begun.set()
            await over.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert begun.wait(30)
        yield
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(30)


def told(adapter: Adapter, *labels: str, seconds: float = 30) -> list[LogProbs | BaseException]:
    """What an adapter says to questions asked at once: log-probabilities or an error."""

    async def ask() -> list[LogProbs | BaseException]:
        deadline = asyncio.get_running_loop().time() + seconds
        asked = (adapter.ask(instruction(label), deadline) for label in labels)
        return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(ask())


def first_choice(said: LogProbs | BaseException) -> str:
    """The likeliest label; an error is raised."""
    if isinstance(said, BaseException):
        raise said
    return max(said, key=said.__getitem__)
