"""Two voices asked at once, wherever the adapter runs; the retriever always runs in this process.

The retriever answers in milliseconds, so it is waited for a moment even where the deadline has passed already. The
adapter takes hundreds of them: where it is late, its queue full or it fails, the retriever alone is heard.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout, ReleaseMismatch
from mapper_domain.question import Question
from mapper_domain.voices import LogProbs, Voice
from mapper_serving.engines.base import Heard, silence
from mapper_serving.engines.line import Line, Scorer

RETRIEVER_SECONDS = 0.5
"""Least time the retriever gets, whatever the deadline."""

PROBE = Question(detector="warm-up", label="email_address", kind="pii")
"""What a voice is asked before it is handed out."""


class Adapter(Protocol):
    """An adapter's voice: reads instructions."""

    async def ask(self, question: str, deadline: float) -> LogProbs:
        """Natural-log probability of every label; raises `EngineError` and its kinds as `Line.ask` does."""
        ...


class Duo:
    """The part of an `Engine` that is the same wherever its adapter runs."""

    def __init__(self, adapter: Adapter, retriever: Scorer[Question]) -> None:
        self._adapter = adapter
        self._retriever = Line("retriever", retriever)

    async def score(self, question: Question, deadline: float) -> Heard:
        """As `Engine.score`."""
        loop = asyncio.get_running_loop()
        heard = await asyncio.gather(
            self._ask_retriever(question, max(deadline, loop.time() + RETRIEVER_SECONDS)),
            self._ask_adapter(question, deadline),
        )
        opinion = {voice: said for voice, said in zip(_VOICES, heard, strict=True) if not isinstance(said, EngineError)}
        errors = [said for said in heard if isinstance(said, EngineError)]
        if not opinion:
            raise errors[-1]
        return Heard(opinion, silence(errors[0]) if errors else None)

    async def _ask_retriever(self, question: Question, deadline: float) -> LogProbs | EngineError:
        try:
            return await self._retriever.ask(question, deadline)
        except EngineError as error:
            return error

    async def _ask_adapter(self, question: Question, deadline: float) -> LogProbs | EngineError:
        """What it says, to the shorter question if it failed on the whole one."""
        try:
            return await self._adapter.ask(question.instruction, deadline)
        except (EngineOverloaded, EngineTimeout) as error:
            return error
        except EngineError as first:
            try:
                return await self._adapter.ask(question.brief.instruction, deadline)
            except EngineError:
                return first


_VOICES: tuple[Voice, Voice] = ("retriever", "adapter")


def load_retriever(folder: Path, labels: Sequence[str]) -> Scorer[Question]:
    """The retriever in a folder, warm.

    Raises:
        ReleaseMismatch: when it cannot be loaded, or does not answer with a distribution over the labels.
    """
    from mapper_model.retriever import Retriever

    try:
        retriever = Retriever.load(folder)
        said = retriever.score([PROBE])[0]
    except Exception as error:  # each library below has its own errors for files it cannot use
        raise ReleaseMismatch(
            f"The retriever cannot be loaded ({type(error).__name__}); promote another release."
        ) from error
    check({"retriever": said}, labels)
    return retriever


def check(said: Mapping[Voice, LogProbs], labels: Sequence[str]) -> None:
    """Nothing, if every voice answers with a distribution over exactly these labels.

    Raises:
        ReleaseMismatch: naming the voice that does not.
    """
    for voice, logprobs in said.items():
        total = sum(math.exp(value) for value in logprobs.values())
        if set(logprobs) != set(labels) or not math.isclose(total, 1.0, abs_tol=1e-3):
            raise ReleaseMismatch(f"The {voice} does not answer with a distribution over the labels.")
