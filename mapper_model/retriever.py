"""The retriever: what a question's spelling and its meaning say about every label, milliseconds a question.

Two classifiers: multinomial logistic regression over the n-grams of `mapper_model.features`, and the tuned sentence
encoder of `mapper_model.sentences`. Their probabilities are multiplied, because each is right about other words (a
product of experts; Hinton 2002, doi:10.1162/089976602760128018). Scoring and storing only; how they learn belongs to
the training package.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.special import log_softmax

from mapper_domain.question import Question
from mapper_domain.subjects import about, subjects
from mapper_model.features import Reader
from mapper_model.sentences import SentenceClassifier

WEIGHTS = "retriever.safetensors"
VOCABULARY = "vocabulary.json"
_SENTENCES = "sentences."

SPELLING = 0.55
"""How much spelling counts beside meaning (1 for both together); chosen on held-out detectors, as all three are."""

BARE_SHARE = 1 / 3
"""How much the bare label counts beside label and description."""

SUBJECT = 3.0
"""What a label gains (ln p) that the detector is about by its name; anything from 1 to 4 helps."""

Tensors = Mapping[str, NDArray[np.float32]]


class Sentences(Protocol):
    """Anything that scores labels by what a question means (`mapper_model.sentences.SentenceClassifier`)."""

    def score(self, questions: Sequence[Question]) -> NDArray[np.float64]:
        """Natural-log probability of every label for each question, shape (questions, labels)."""

    def tensors(self) -> Tensors:
        """What has to be stored to make it again."""


class Retriever:
    """Scores a fixed set of labels.

    Attributes:
        labels: what is scored, in the order of the weights' columns.
    """

    def __init__(
        self,
        labels: Sequence[str],
        reader: Reader,
        sentences: Sentences,
        *,
        ngrams: NDArray[np.float32],
        intercept: NDArray[np.float32],
    ) -> None:
        """A retriever.

        Args:
            labels: canonical labels, each once.
            reader: reads the spellings of questions.
            sentences: reads their meanings; scores the same labels in the same order.
            ngrams: weights, shape (2 x n-grams, labels).
            intercept: shape (labels,).
        """
        self.labels = tuple(labels)
        self._reader, self._sentences = reader, sentences
        self._ngrams, self._intercept = ngrams, intercept

    @classmethod
    def load(cls, folder: Path, sentences: Callable[[Tensors, int], Sentences] = SentenceClassifier) -> "Retriever":
        """The retriever `save` wrote into a folder.

        Args:
            folder: with weights and vocabulary.
            sentences: makes the sentence classifier of its tensors and the number of labels; by default the tuned
                encoder.

        Raises:
            ReleaseCorrupt: when the tensors are not those of a sentence classifier.
            EngineError: when the sentence encoder is not installed.
        """
        stored, tensors = json.loads((folder / VOCABULARY).read_text()), load_file(folder / WEIGHTS)
        labels = stored["labels"]
        meaning = {n.removeprefix(_SENTENCES): values for n, values in tensors.items() if n.startswith(_SENTENCES)}
        spelling = {name: values for name, values in tensors.items() if not name.startswith(_SENTENCES)}
        return cls(labels, Reader(stored["ngrams"]), sentences(meaning, len(labels)), **spelling)

    def save(self, folder: Path) -> None:
        """Write weights and vocabulary into an existing folder; the same retriever gives the same bytes."""
        weights = {"ngrams": self._ngrams, "intercept": self._intercept}
        weights |= {f"{_SENTENCES}{name}": values for name, values in self._sentences.tensors().items()}
        save_file({name: np.ascontiguousarray(values) for name, values in weights.items()}, folder / WEIGHTS)
        vocabulary = {"labels": self.labels, "ngrams": self._reader.ngrams}
        (folder / VOCABULARY).write_text(json.dumps(vocabulary, ensure_ascii=False) + "\n")

    def score(self, questions: Sequence[Question]) -> list[dict[str, float]]:
        """Natural-log probability of every label for each question, normalised over the labels.

        Of a question with a description the bare label is heard as well: some descriptions say little. Labels the
        detector is about by its own name or kind are more probable.
        """
        if not questions:
            return []
        said = self._heard(questions)
        if described := [place for place, question in enumerate(questions) if question.description]:
            bare = self._heard([questions[place].model_copy(update={"description": ""}) for place in described])
            said[described] = (1 - BARE_SHARE) * said[described] + BARE_SHARE * bare
        said = log_softmax(said + self._expected(questions), axis=1)
        return [dict(zip(self.labels, row, strict=True)) for row in said.tolist()]

    def _expected(self, questions: Sequence[Question]) -> NDArray[np.float64]:
        """What each label gains because of who says it, shape (questions, labels)."""
        told = [subjects(question.detector, question.kind) for question in questions]
        gains = {paths: [SUBJECT * about(label, paths) for label in self.labels] for paths in set(told)}
        return np.array([gains[paths] for paths in told])

    def _heard(self, questions: Sequence[Question]) -> NDArray[np.float64]:
        """The questions as they stand, shape (questions, labels)."""
        spelt = self._reader.read(questions) @ self._ngrams + self._intercept
        spelling = log_softmax(np.asarray(spelt, dtype=np.float64), axis=1)
        meaning = self._sentences.score(questions)
        said: NDArray[np.float64] = log_softmax(2 * (SPELLING * spelling + (1 - SPELLING) * meaning), axis=1)
        return said
