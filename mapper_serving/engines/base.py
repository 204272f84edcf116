"""What serving expects of a model, whoever runs it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout
from mapper_domain.question import Question
from mapper_domain.release import Manifest
from mapper_domain.voices import Opinion

Silence = Literal["overloaded", "timeout", "error"]
"""Why a voice was not heard: too many questions waited for it already, it was late, or it failed."""


class Heard(NamedTuple):
    """What a model said about one question.

    Attributes:
        opinion: what each voice that was heard says; at least one was.
        silence: why another voice was not; None when all were.
    """

    opinion: Opinion
    silence: Silence | None = None


class Engine(Protocol):
    """Asks the voices of one release. One engine belongs to one release and is never re-used."""

    @property
    def problem(self) -> str:
        """Why it answers with less than it should at present, for `/readyz`; empty when it does not."""
        ...

    async def score(self, question: Question, deadline: float) -> Heard:
        """What the voices say about every label.

        Args:
            question: about one native label.
            deadline: time of the running loop (`loop.time()`) after which a slow voice is not waited for.

        Raises:
            EngineOverloaded: when no voice was heard because too many questions wait already.
            EngineTimeout: when no voice was heard in time.
            EngineError: when no voice was heard because the model fails.
        """
        ...

    async def close(self) -> None:
        """Give back what it holds; called when nobody asks it any more."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is opened from; every file was verified.

    Attributes:
        base: folder of the base model.
        adapter: folder of the adapter over it.
        retriever: folder of the retriever.
        labels: every canonical label, `OTHER.Unknown` among them.
        manifest: of the release; `manifest.adapter_sha256` names the adapter for good.
    """

    base: Path
    adapter: Path
    retriever: Path
    labels: Sequence[str]
    manifest: Manifest


class OpenEngine(Protocol):
    """Loads and warms the engine of a release. Called in a thread without a running loop."""

    def __call__(self, parts: Parts) -> Engine:
        """The engine.

        Raises:
            ReleaseMismatch: when it cannot be used.
        """
        ...


def silence(error: EngineError) -> Silence:
    """The short name of an engine's error."""
    if isinstance(error, EngineTimeout):
        return "timeout"
    return "overloaded" if isinstance(error, EngineOverloaded) else "error"
