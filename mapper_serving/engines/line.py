"""One voice in a thread of its own, before which questions queue. What all voices say is `duo`'s business."""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, NamedTuple, Protocol, TypeVar

from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout
from mapper_domain.voices import LogProbs, Voice

Asked = TypeVar("Asked")
_Asked = TypeVar("_Asked", contravariant=True)


class Scorer(Protocol[_Asked]):
    """Gives log-probabilities for questions: `LabelScorer` reads instructions, `Retriever` reads `Question`s."""

    def score(self, questions: Sequence[_Asked], /) -> Sequence[LogProbs]:
        """Natural-log probability of every label for each question."""
        ...


class _Job(NamedTuple, Generic[Asked]):
    question: Asked
    answer: "Future[LogProbs]"


class Line(Generic[Asked]):
    """A queue before one scorer, which takes what waits together. Its thread ends when nobody holds the line."""

    def __init__(self, voice: Voice, scorer: Scorer[Asked], *, most: int, together: int = 1) -> None:
        """A line before a scorer.

        Args:
            voice: whose scorer it is.
            scorer: runs in the line's thread.
            most: questions that may wait or be computed at once.
            together: most questions that are handed to the scorer at once; nobody waits for others to come.
        """
        self._voice = voice
        self._scorer = scorer
        self._most = most
        self._together = together
        self._jobs: deque[_Job[Asked]] = deque()
        self._inside = 0
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix=voice)

    async def ask(self, question: Asked, deadline: float) -> LogProbs:
        """What the scorer says. A question nobody waits for any more is not computed unless it has begun.

        Raises:
            EngineOverloaded: when the queue is full.
            EngineTimeout: when the deadline (time of the running loop) passes first.
            EngineError: when the scorer fails, or the line is closed.
        """
        if asyncio.get_running_loop().time() >= deadline:
            raise EngineTimeout(f"There is no time left to ask the {self._voice}.")
        answer = self._join(question)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            raise EngineTimeout(f"The {self._voice} did not answer in time.") from None
        except Exception as error:  # whatever a scorer does, the ladder goes on
            raise EngineError(f"The {self._voice} failed with {type(error).__name__}.") from error
        finally:
            answer.cancel()

    def close(self) -> None:
        """Let the thread end when the questions it has are answered."""
        self._worker.shutdown(wait=False)

    def _join(self, question: Asked) -> "Future[LogProbs]":
        answer: Future[LogProbs] = Future()
        with self._lock:
            if self._inside >= self._most:
                raise EngineOverloaded(f"{self._inside} questions wait for the {self._voice} already.")
            self._inside += 1
        answer.add_done_callback(self._left)
        self._jobs.append(_Job(question, answer))
        try:
            self._worker.submit(self._work)
        except RuntimeError:
            answer.cancel()
            raise EngineError(f"The {self._voice} was closed.") from None
        return answer

    def _work(self) -> None:
        """Answer what waits, as much as goes together. Called once for each question, so mostly there is nothing."""
        jobs: list[_Job[Asked]] = []
        while self._jobs and len(jobs) < self._together:
            job = self._jobs.popleft()
            if job.answer.set_running_or_notify_cancel():
                jobs.append(job)
        if jobs:
            self._answer(jobs)

    def _answer(self, jobs: Sequence[_Job[Asked]]) -> None:
        try:
            said = self._scorer.score([job.question for job in jobs])
        except Exception as error:  # noqa: BLE001  (it is raised where the question was asked)
            if len(jobs) == 1:
                jobs[0].answer.set_exception(error)
                return
            for job in jobs:  # one question must not spoil the others
                self._answer([job])
            return
        for job, one in zip(jobs, said, strict=True):
            job.answer.set_result(one)

    def _left(self, _answer: "Future[LogProbs]") -> None:
        with self._lock:
            self._inside -= 1
