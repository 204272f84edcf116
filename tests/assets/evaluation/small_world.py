"""Labels, golden cases and voices that are tables, for evaluating in a small world (see `conftest`)."""

import math
from collections.abc import Mapping, Sequence

from mapper_assets.training.golden import GoldenCase
from mapper_assets.training.lessons import Lesson
from mapper_domain.question import Question
from mapper_domain.text import normalise

EMAIL, PHONE, NAME = "PII.Contact.Email", "PII.Contact.Phone", "PII.Person.Name"
INSULT, THREAT = "HARM.SPEECH.Insult", "HARM.SPEECH.Threat"
SAFE, UNKNOWN = "OTHER.Safe", "OTHER.Unknown"

SCHEMA = {
    "type": "object",
    "required": ["taxonomy", "scores", "confidence"],
    "properties": {"taxonomy": {"type": "array", "minItems": 1}, "confidence": {"type": "number", "maximum": 1}},
}


def spread(labels: Sequence[str], best: str, sure: float = 0.9) -> dict[str, float]:
    """Log-probabilities that sum to one, with that much on one label and the rest even."""
    rest = (1.0 - sure) / (len(labels) - 1)
    return {name: math.log(sure if name == best else rest) for name in labels}


class TableRetriever:
    """A retriever that knows labels by one word in them, as `TableScorer` does."""

    def __init__(self, labels: Sequence[str], table: Mapping[str, str], sure: float = 0.9) -> None:
        self._labels, self._table, self._sure = labels, table, sure

    def score(self, questions: Sequence[Question]) -> list[dict[str, float]]:
        """`OTHER.Unknown` where no word of the table stands in the label or its description."""
        return [self._score(f"{question.label} {question.description}".lower()) for question in questions]

    def _score(self, text: str) -> dict[str, float]:
        best = next((meaning for word, meaning in self._table.items() if word in text), UNKNOWN)
        return spread(self._labels, best, self._sure)


class TableScorer:
    """A model that is sure of one label wherever a word of its table stands in the label asked about.

    Attributes:
        asked: every question put to it, in order.
    """

    def __init__(self, labels: Sequence[str], table: Mapping[str, str], sure: float = 0.9) -> None:
        self._labels, self._table, self._sure = labels, table, sure
        self.asked: list[str] = []

    def score(self, questions: Sequence[str]) -> list[dict[str, float]]:
        """Log-probabilities that sum to one; `OTHER.Unknown` where no word is known."""
        self.asked.extend(questions)
        return [self._score(question.split("Output: ", 1)[1].lower()) for question in questions]

    def _score(self, label: str) -> dict[str, float]:
        best = next((meaning for word, meaning in self._table.items() if word in label), UNKNOWN)
        return spread(self._labels, best, self._sure)


def case(detector: str, label: str, expected: str, split: str, **given: object) -> GoldenCase:
    """A golden case; several right labels are written with `|`."""
    kind = "" if split == "unseen_detector" else "test"
    fields: dict[str, object] = {"field": None, "kind": kind, "relation": "any", "gated": True} | given
    return GoldenCase.model_validate(
        {
            "id": f"{detector}/{label}/{split}",
            "detector": detector,
            "label": label,
            "expected": tuple(expected.split("|")),
            "split": split,
            **fields,
        }
    )


class LessonTable:
    """A retriever that knows the lessons' texts by heart, and nothing else."""

    def __init__(self, lessons: Sequence[Lesson], labels: Sequence[str]) -> None:
        self.table = {normalise(lesson.text): lesson.target for lesson in lessons if lesson.target in labels}
        self._labels = labels

    def score(self, questions: Sequence[Question]) -> list[dict[str, float]]:
        """`OTHER.Unknown` for a text it was never told."""
        return [spread(self._labels, self.table.get(normalise(q.label), UNKNOWN)) for q in questions]
