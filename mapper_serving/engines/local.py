"""The adapter in this very process, in a thread of its own."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from mapper_domain.errors import ReleaseMismatch
from mapper_domain.question import Question
from mapper_domain.voices import LogProbs
from mapper_serving.engines.duo import PROBE, Duo, check
from mapper_serving.engines.line import Line, Scorer

TOGETHER = 4
"""Questions the adapter is given at once: it gains little from more, and none shall wait long for those beside it."""


class Narrowing(Protocol):
    """Scores instructions, each among some labels only (`mapper_model.scorer.LabelScorer`)."""

    def score(
        self, questions: Sequence[str], among: Sequence[Collection[str] | None] | None = None
    ) -> Sequence[LogProbs]:
        """Natural-log probability of every label for each question."""
        ...


class _Narrowed(NamedTuple):
    """An instruction, and the labels that matter."""

    instruction: str
    among: Collection[str] | None


class _Scored:
    """A narrowing scorer as a `Scorer` of what a line holds."""

    def __init__(self, scorer: Narrowing) -> None:
        self._scorer = scorer

    def score(self, asked: Sequence[_Narrowed], /) -> Sequence[LogProbs]:
        return self._scorer.score([one.instruction for one in asked], [one.among for one in asked])


class LocalAdapter:
    """An adapter in a thread of this process; the `Adapter` of a `Duo`.

    Attributes:
        problem: as `Engine.problem`: why another adapter was wanted and could not be had, or empty.
    """

    def __init__(self, scorer: Narrowing, *, queue: int, problem: str = "") -> None:
        """An adapter before which `queue` questions may wait."""
        self.problem = problem
        self._line = Line("adapter", _Scored(scorer), most=queue, together=TOGETHER)

    @classmethod
    def load(
        cls, base: Path, adapter: Path, labels: Sequence[str], *, threads: int, queue: int, problem: str = ""
    ) -> "LocalAdapter":
        """The adapter in a folder, warm: it has answered a question, and its answer was checked.

        Raises:
            ReleaseMismatch: when it cannot be loaded or does not answer with a distribution over the labels.
        """
        from mapper_model.scorer import LabelScorer

        try:
            scorer = LabelScorer.load(base, adapter, labels, threads=threads)
            said = scorer.score([PROBE.instruction])[0]
        except Exception as error:  # each library below has its own errors for files it cannot use
            raise ReleaseMismatch(
                f"The adapter cannot be loaded over its base model ({type(error).__name__}); promote another release."
            ) from error
        check({"adapter": said}, labels)
        return cls(scorer, queue=queue, problem=problem)

    async def ask(self, question: str, deadline: float, among: Collection[str] | None = None) -> LogProbs:
        """As `Adapter.ask`."""
        return await self._line.ask(_Narrowed(question, among), deadline)

    async def close(self) -> None:
        """Let the thread end when the questions it has are answered."""
        self._line.close()


class LocalEngine(Duo):
    """An `Engine` over scorers that are in this process already."""

    def __init__(self, adapter: Narrowing, retriever: Scorer[Question], *, queue: int) -> None:
        """An engine.

        Args:
            adapter: reads instructions.
            retriever: reads questions.
            queue: questions that may wait for the adapter at once.
        """
        super().__init__(LocalAdapter(adapter, queue=queue), retriever)
