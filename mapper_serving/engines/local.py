"""The model in this very process: one worker thread, a bounded queue, a deadline for each question."""

import asyncio
import math
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from mapper_domain import prompt
from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout, ReleaseMismatch

_PROBE = prompt.instruction("warm-up", "email_address", kind="pii")


class Scorer(Protocol):
    """What the worker thread runs; `mapper_model.scorer.LabelScorer` is one."""

    def score(self, questions: Sequence[str]) -> list[dict[str, float]]:
        """Natural-log probability of every label for each question."""
        ...


class LocalEngine:
    """An `Engine` over a scorer that computes in one thread of its own.

    Its thread ends when the last request that holds the engine has let go of it.
    """

    def __init__(self, scorer: Scorer, *, queue: int) -> None:
        self._scorer = scorer
        self._limit = queue
        self._waiting = 0
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="engine")

    @classmethod
    def load(cls, base: Path, adapter: Path, labels: Sequence[str], *, threads: int, queue: int) -> "LocalEngine":
        """An engine for one adapter, warm: its first question is answered and checked.

        Raises:
            ReleaseMismatch: when base and adapter do not fit, or the answer is not a distribution over the labels.
        """
        from mapper_model.scorer import LabelScorer

        try:
            scorer = LabelScorer.load(base, adapter, labels, threads=threads)
            answer = scorer.score([_PROBE])[0]
        except Exception as error:  # each library below has its own errors for files it cannot use
            raise ReleaseMismatch(
                f"The adapter cannot be loaded over its base model ({type(error).__name__}); promote another release."
            ) from error
        total = sum(math.exp(value) for value in answer.values())
        if set(answer) != set(labels) or not math.isclose(total, 1.0, abs_tol=1e-3):
            raise ReleaseMismatch("The model does not answer with a distribution over the labels.")
        return cls(scorer, queue=queue)

    async def score(self, question: str, deadline: float) -> Mapping[str, float]:
        """As `Engine.score`. A question nobody waits for any more is not computed unless it has begun."""
        with self._lock:
            if self._waiting >= self._limit:
                raise EngineOverloaded(f"{self._waiting} questions wait for the model already.")
            self._waiting += 1
        job = self._worker.submit(self._scorer.score, [question])
        job.add_done_callback(self._left)
        try:
            async with asyncio.timeout_at(deadline):
                answers = await asyncio.wrap_future(job)
        except TimeoutError:
            job.cancel()
            raise EngineTimeout("The model did not answer in time.") from None
        except Exception as error:  # whatever the model does, the ladder goes on to the rules
            raise EngineError(f"The model failed with {type(error).__name__}.") from error
        return answers[0]

    def _left(self, _job: "Future[list[dict[str, float]]]") -> None:
        with self._lock:
            self._waiting -= 1
