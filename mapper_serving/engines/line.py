"""One voice in a thread of its own, before which questions queue. What all voices say is `local`'s business."""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout
from mapper_domain.voices import LogProbs, Voice

Asked = TypeVar("Asked", contravariant=True)


class Scorer(Protocol[Asked]):
    """Gives log-probabilities for questions: `LabelScorer` reads instructions, `Retriever` reads `Question`s."""

    def score(self, questions: Sequence[Asked], /) -> Sequence[LogProbs]:
        """Natural-log probability of every label for each question."""
        ...


class Line(Generic[Asked]):
    """A queue before one scorer. Its thread ends when nobody holds the line any more."""

    def __init__(self, voice: Voice, scorer: Scorer[Asked], *, most: int | None = None) -> None:
        """A line before a scorer.

        Args:
            voice: whose scorer it is.
            scorer: runs in the line's thread.
            most: questions that may wait or be computed at once; None for as many as come.
        """
        self._voice = voice
        self._scorer = scorer
        self._most = most
        self._waiting = 0
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=voice)

    async def ask(self, question: Asked, deadline: float) -> LogProbs:
        """What the scorer says. A question nobody waits for any more is not computed unless it has begun.

        Raises:
            EngineOverloaded: when the queue is full.
            EngineTimeout: when the deadline (time of the running loop) passes first.
            EngineError: when the scorer fails.
        """
        if asyncio.get_running_loop().time() >= deadline:
            raise EngineTimeout(f"There is no time left to ask the {self._voice}.")
        with self._lock:
            if self._most is not None and self._waiting >= self._most:
                raise EngineOverloaded(f"{self._waiting} questions wait for the {self._voice} already.")
            self._waiting += 1
        job = self._worker.submit(self._scorer.score, [question])
        job.add_done_callback(self._left)
        try:
            async with asyncio.timeout_at(deadline):
                answers = await asyncio.wrap_future(job)
        except TimeoutError:
            job.cancel()
            raise EngineTimeout(f"The {self._voice} did not answer in time.") from None
        except Exception as error:  # whatever a scorer does, the ladder goes on
            raise EngineError(f"The {self._voice} failed with {type(error).__name__}.") from error
        return answers[0]

    def close(self) -> None:
        """Let the thread end when the questions it has are answered."""
        self._worker.shutdown(wait=False)

    def _left(self, _job: "Future[Sequence[LogProbs]]") -> None:
        with self._lock:
            self._waiting -= 1
