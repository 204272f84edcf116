"""The model in this very process: the adapter and the retriever, each in a thread of its own."""

from collections.abc import Sequence
from pathlib import Path

from mapper_domain.errors import ReleaseMismatch
from mapper_domain.question import Question
from mapper_serving.engines.duo import PROBE, Duo, check, load_retriever
from mapper_serving.engines.line import Line, Scorer


class LocalEngine(Duo):
    """An `Engine` over an adapter's and a retriever's scorer.

    Attributes:
        problem: as `Engine.problem`; set by whoever wanted another engine and could not have it.
    """

    def __init__(self, adapter: Scorer[str], retriever: Scorer[Question], *, queue: int, problem: str = "") -> None:
        """An engine.

        Args:
            adapter: reads instructions.
            retriever: reads questions.
            queue: questions that may wait for the adapter at once.
            problem: why another engine was wanted, or empty.
        """
        self.problem = problem
        self._line = Line("adapter", adapter, most=queue)
        super().__init__(self._line, retriever)

    @classmethod
    def load(
        cls, base: Path, adapter: Path, retriever: Path, labels: Sequence[str], *, threads: int, queue: int
    ) -> "LocalEngine":
        """An engine for one release, warm: each voice has answered a question, and its answer was checked.

        Raises:
            ReleaseMismatch: when a voice cannot be loaded or does not answer with a distribution over the labels.
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
        return cls(scorer, load_retriever(retriever, labels), queue=queue)

    async def close(self) -> None:
        """Let the voices' threads end; what they have begun is answered."""
        self._line.close()
        self._retriever.close()
