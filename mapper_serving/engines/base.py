"""What serving expects of a model, whoever runs it."""

from collections.abc import Mapping
from typing import Protocol


class Engine(Protocol):
    """Scores every allowed label for one question. One engine belongs to one release and is never re-used."""

    async def score(self, question: str, deadline: float) -> Mapping[str, float]:
        """Natural-log probability of every label.

        Args:
            question: a rendered `prompt.instruction`.
            deadline: time of the running loop (`loop.time()`) after which nobody waits for the answer.

        Raises:
            EngineOverloaded: when too many questions wait already.
            EngineTimeout: when the deadline passes first.
            EngineError: when the model fails.
        """
        ...
