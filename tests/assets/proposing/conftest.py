"""A release with voices that say what a test wants; catalogue, rules, trust and everything after them are real."""

import math
from collections.abc import Callable, Mapping, Sequence

import pytest

from mapper_assets.proposing.deployed import Deployed
from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust
from mapper_domain.question import Question
from mapper_domain.taxonomy import UNKNOWN


class FakeVoice:
    """Stands in for adapter and retriever: 0.95 for the label a test names, `OTHER.Unknown` for any other."""

    def __init__(self, catalog: Catalog, says: Mapping[str, str]) -> None:
        self._names = [label.name for label in catalog.taxonomy.labels]
        self._says = says
        self.asked: list[str] = []

    def score(self, questions: Sequence[str | Question]) -> list[dict[str, float]]:
        """As the real ones."""
        return [self._score(q if isinstance(q, str) else q.instruction) for q in questions]

    def _score(self, instruction: str) -> dict[str, float]:
        label = instruction.partition("Output: ")[2].partition(", Meaning: ")[0]
        self.asked.append(label)
        chosen, rest = self._says.get(label, UNKNOWN), 0.05 / (len(self._names) - 1)
        return {name: math.log(0.95 if name == chosen else rest) for name in self._names}


@pytest.fixture
def deployed(catalog: Catalog) -> Callable[[Mapping[str, str]], Deployed]:
    """Makes a release whose voices agree."""

    def make(says: Mapping[str, str]) -> Deployed:
        voice = FakeVoice(catalog, says)
        return Deployed("0123456789abcdef", catalog, Trust(), adapter=voice, retriever=voice)

    return make
