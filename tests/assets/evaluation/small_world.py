"""Labels, golden cases and a model that is a table, for evaluating in a small world (see `conftest`)."""

import math
from collections.abc import Mapping, Sequence

from mapper_assets.training.golden import GoldenCase

EMAIL, PHONE, NAME = "PII.Contact.Email", "PII.Contact.Phone", "PII.Person.Name"
INSULT, THREAT = "HARM.SPEECH.Insult", "HARM.SPEECH.Threat"
SAFE, UNKNOWN = "OTHER.Safe", "OTHER.Unknown"

SCHEMA = {
    "type": "object",
    "required": ["taxonomy", "scores", "confidence"],
    "properties": {"taxonomy": {"type": "array", "minItems": 1}, "confidence": {"type": "number", "maximum": 1}},
}


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
        rest = (1.0 - self._sure) / (len(self._labels) - 1)
        return {name: math.log(self._sure if name == best else rest) for name in self._labels}


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
