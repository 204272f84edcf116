"""The retriever: a linear classifier over spellings and meanings, milliseconds a question.

Multinomial logistic regression on the features of `mapper_model.features`. Scoring and storing only; how its weights
are learnt belongs to the training package.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from mapper_domain.question import Question
from mapper_model.features import Encoder, Features, Reader

WEIGHTS = "retriever.safetensors"
VOCABULARY = "vocabulary.json"


class Retriever:
    """Scores a fixed set of labels.

    Attributes:
        labels: what is scored, in the order of the weights' columns.
    """

    def __init__(
        self,
        labels: Sequence[str],
        reader: Reader,
        *,
        ngrams: NDArray[np.float32],
        vectors: NDArray[np.float32],
        intercept: NDArray[np.float32],
    ) -> None:
        """A retriever.

        Args:
            labels: canonical labels, each once.
            reader: makes features of questions.
            ngrams: weights, shape (2 x n-grams, labels).
            vectors: weights, shape (3 x embedding width, labels).
            intercept: shape (labels,).
        """
        self.labels = tuple(labels)
        self._reader = reader
        self._ngrams, self._vectors, self._intercept = ngrams, vectors, intercept

    @classmethod
    def load(cls, folder: Path, encoder: Encoder | None = None) -> "Retriever":
        """The retriever `save` wrote into a folder.

        Args:
            folder: with weights and vocabulary.
            encoder: the installed sentence encoder by default.
        """
        if encoder is None:
            from mapper_model.encoder import SentenceEncoder

            encoder = SentenceEncoder.installed()
        stored = json.loads((folder / VOCABULARY).read_text())
        weights = load_file(folder / WEIGHTS)
        return cls(stored["labels"], Reader(stored["ngrams"], encoder), **weights)

    def save(self, folder: Path) -> None:
        """Write weights and vocabulary into an existing folder; the same retriever gives the same bytes."""
        weights = {"ngrams": self._ngrams, "vectors": self._vectors, "intercept": self._intercept}
        save_file({name: np.ascontiguousarray(values) for name, values in weights.items()}, folder / WEIGHTS)
        vocabulary = {"labels": self.labels, "ngrams": self._reader.ngrams}
        (folder / VOCABULARY).write_text(json.dumps(vocabulary, ensure_ascii=False) + "\n")

    def score(self, questions: Sequence[Question]) -> list[dict[str, float]]:
        """Natural-log probability of every label for each question, normalised over the labels."""
        if not questions:
            return []
        scores = self._scores(self._reader.read(questions))
        scores -= scores.max(axis=1, keepdims=True)
        scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return [dict(zip(self.labels, row, strict=True)) for row in scores.tolist()]

    def _scores(self, features: Features) -> NDArray[np.float64]:
        raw = features.ngrams @ self._ngrams + features.vectors @ self._vectors + self._intercept
        return np.asarray(raw, dtype=np.float64)
