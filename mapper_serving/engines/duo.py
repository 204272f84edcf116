"""Two voices, wherever the adapter runs; the retriever always runs in this process.

The retriever answers in milliseconds, so it is waited for a moment even where the deadline has passed already. The
adapter takes many of them, so it is asked second and only about the labels that can still win
(`mapper_domain.voices.contenders`). Where it is late, its queue full or it fails, the retriever alone is heard.
"""

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout, ReleaseMismatch
from mapper_domain.question import Question
from mapper_domain.voices import LogProbs, Voice, contenders
from mapper_serving.engines.base import Engine, Heard, Parts, silence
from mapper_serving.engines.line import Line, Scorer

RETRIEVER_SECONDS = 0.5
"""Least time the retriever gets, whatever the deadline."""

PATIENCE_SECONDS = 0.1
"""How long the adapter's question waits for what the retriever says before it is asked in full."""

RETRIEVER_QUEUE, RETRIEVER_TOGETHER = 1024, 64
"""Questions that may wait for the retriever, and how many it is given at once."""

PROBE = Question(detector="warm-up", label="email_address", kind="pii")
"""What a voice is asked before it is handed out."""


class Adapter(Protocol):
    """An adapter's voice: reads instructions."""

    @property
    def problem(self) -> str:
        """As `Engine.problem`."""
        ...

    async def ask(self, question: str, deadline: float, among: Collection[str] | None = None) -> LogProbs:
        """Natural-log probability of every label; raises `EngineError` and its kinds as `Line.ask` does.

        Args:
            question: an instruction.
            deadline: time of the running loop.
            among: labels that matter; what is said of others may be approximate. None for all of them.
        """
        ...

    async def close(self) -> None:
        """Give back what it holds; what it was asked before may still be answered."""
        ...


class Duo:
    """An `Engine`, the same wherever its adapter runs."""

    def __init__(self, adapter: Adapter, retriever: Scorer[Question]) -> None:
        self._adapter = adapter
        self._retriever = Line("retriever", retriever, most=RETRIEVER_QUEUE, together=RETRIEVER_TOGETHER)

    @property
    def problem(self) -> str:
        """As `Engine.problem`."""
        return self._adapter.problem

    async def close(self) -> None:
        """Let both voices go; what they have begun is answered."""
        self._retriever.close()
        await self._adapter.close()

    async def score(self, question: Question, deadline: float) -> Heard:
        """As `Engine.score`."""
        allowed = max(deadline, asyncio.get_running_loop().time() + RETRIEVER_SECONDS)
        retrieving = asyncio.ensure_future(self._ask_retriever(question, allowed))
        try:
            await asyncio.wait((retrieving,), timeout=PATIENCE_SECONDS)
            quick = retrieving.result() if retrieving.done() else None
            among = None if quick is None or isinstance(quick, EngineError) else contenders(quick)
            adapted = await self._ask_adapter(question, among, deadline)
            heard = (await retrieving, adapted)
        finally:
            retrieving.cancel()
        opinion = {voice: said for voice, said in zip(_VOICES, heard, strict=True) if not isinstance(said, EngineError)}
        errors = [said for said in heard if isinstance(said, EngineError)]
        if not opinion:
            raise next((error for error in errors if isinstance(error, EngineOverloaded)), errors[-1])
        return Heard(opinion, silence(errors[0]) if errors else None)

    async def _ask_retriever(self, question: Question, deadline: float) -> LogProbs | EngineError:
        try:
            return await self._retriever.ask(question, deadline)
        except EngineError as error:
            return error

    async def _ask_adapter(
        self, question: Question, among: Collection[str] | None, deadline: float
    ) -> LogProbs | EngineError:
        """What it says, to the shorter question if it failed on the whole one."""
        try:
            return await self._adapter.ask(question.instruction, deadline, among)
        except (EngineOverloaded, EngineTimeout) as error:
            return error
        except EngineError as first:
            try:
                return await self._adapter.ask(question.brief.instruction, deadline, among)
            except EngineError:
                return first


_VOICES: tuple[Voice, Voice] = ("retriever", "adapter")


class Opener(ABC):
    """Opens engines of releases, and holds what they share; its kinds differ in where the adapter is."""

    def __call__(self, parts: Parts) -> Engine:
        """As `OpenEngine`."""
        retriever = load_retriever(parts.retriever, parts.labels)
        return Duo(self.adapter(parts), retriever)

    @abstractmethod
    def adapter(self, parts: Parts) -> Adapter:
        """The adapter of a release, warm. Called in a thread without a running loop.

        Raises:
            ReleaseMismatch: when it cannot be used.
        """

    @abstractmethod
    def close(self) -> None:
        """Give back what is shared; whoever waits for an adapter to be opened is told."""


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
