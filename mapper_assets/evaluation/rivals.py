"""What people would use instead of this mapper: a table, a nearest neighbour and three classifiers.

They learn from the lessons the adapter and the retriever are made from, and are asked the same questions, but
know nothing of detectors: they read the label, and its description where there is one. The strongest of them is what
the mapper has to beat on detectors nobody has seen.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from scipy.special import softmax

from mapper_assets.evaluation.scores import RIVALS
from mapper_assets.training.classifier import Features, learn
from mapper_assets.training.embeddings import Encoder, Remembering
from mapper_assets.training.lessons import Lesson
from mapper_domain.question import Question
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import normalise, words


class Example(NamedTuple):
    """A native label, a name, an alias or a sentence, what was said beside it, and the label it stands for."""

    text: str
    label: str
    description: str = ""

    @property
    def spoken(self) -> str:
        """The whole as words."""
        return spoken(f"{self.text} {self.description}")


class Guess(NamedTuple):
    """A canonical label and how sure the rival is of it, 0..1 by its own measure."""

    label: str
    confidence: float


class Rival(Protocol):
    """Anything that maps native labels after having seen examples."""

    def guess(self, questions: Sequence[Question]) -> list[Guess]:
        """One guess a question, in order."""


class Lookup:
    """Normalised lookup: the most frequent meaning of a spelling, case and separators aside, else unknown."""

    def __init__(self, examples: Sequence[Example]) -> None:
        votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for example in examples:
            if not example.description:
                votes[normalise(example.text)][example.label] += 1
        self._table: Mapping[str, Guess] = {key: _majority(found) for key, found in votes.items() if key}

    def guess(self, questions: Sequence[Question]) -> list[Guess]:
        """The majority and its share of the votes; `OTHER.Unknown` at 0.0 for a spelling never seen."""
        return [self._table.get(normalise(question.label), Guess(UNKNOWN, 0.0)) for question in questions]


class NearestNeighbour:
    """The meaning of the example whose MiniLM embedding is nearest; its cosine is the confidence."""

    def __init__(self, examples: Sequence[Example], encoder: Encoder) -> None:
        self._encoder = encoder
        self._labels = [example.label for example in examples]
        self._known = encoder.encode([example.spoken for example in examples])

    def guess(self, questions: Sequence[Question]) -> list[Guess]:
        """Always an answer: nothing is too far away."""
        cosines = self._encoder.encode(_texts(questions)) @ self._known.T
        nearest = cosines.argmax(axis=1) if questions else ()
        return [
            Guess(self._labels[index], float(np.clip(row[index], 0.0, 1.0)))
            for index, row in zip(nearest, cosines, strict=True)
        ]


class Reading:
    """What the classifiers read of a text: TF-IDF of its character n-grams, its MiniLM embedding; made once for all."""

    def __init__(self, examples: Sequence[Example], encoder: Encoder) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        frequent = 2 if len(examples) > 1000 else 1
        self._encoder = encoder
        self._ngrams = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=frequent, dtype=np.float32
        )
        texts = [example.spoken for example in examples]
        self.examples = Features(self._ngrams.fit_transform(texts), encoder.encode(texts))
        self.labels = [example.label for example in examples]

    def of(self, texts: Sequence[str]) -> Features:
        """Both kinds of features of other texts."""
        return Features(self._ngrams.transform(texts), self._encoder.encode(texts))


class Classifier:
    """Multinomial logistic regression on character n-grams, on the MiniLM embedding, or on both."""

    def __init__(self, reading: Reading, *, ngrams: bool, embedding: bool) -> None:
        self._reading, self._read = reading, (ngrams, embedding)
        self._labels = sorted(set(reading.labels))
        self._weights = learn(self._features(reading.examples), reading.labels, self._labels, seed=0)

    def guess(self, questions: Sequence[Question]) -> list[Guess]:
        """The most probable label and its probability."""
        if not questions:
            return []
        features, weights = self._features(self._reading.of(_texts(questions))), self._weights
        scores = features.ngrams @ weights["ngrams"] + features.vectors @ weights["vectors"] + weights["intercept"]
        rows = softmax(scores, axis=1)
        return [Guess(self._labels[i], float(row[i])) for row, i in zip(rows, rows.argmax(axis=1), strict=True)]

    def _features(self, both: Features) -> Features:
        ngrams, embedding = self._read
        return Features(both.ngrams if ngrams else both.ngrams[:, :0], both.vectors[:, : None if embedding else 0])


def examples(lessons: Iterable[Lesson]) -> tuple[Example, ...]:
    """Lessons as rivals see them: without detector and context, each once, sorted."""
    return tuple(sorted({Example(x.text, x.target, x.description) for x in lessons}))


def train(examples: Sequence[Example], encoder: Encoder, names: Collection[str] = RIVALS) -> dict[str, Rival]:
    """Rivals by name, trained on the same examples, in whatever order they come.

    Args:
        names: which of them; the classifiers cost most.
    """
    distinct, shared = sorted(examples), Remembering(encoder)
    read: dict[str, tuple[bool, bool]] = {
        "char_regression": (True, False),
        "minilm_regression": (False, True),
        "minilm_char_regression": (True, True),
    }
    reading = Reading(distinct, shared) if read.keys() & set(names) else None
    found: dict[str, Rival] = {}
    for name in RIVALS:
        if name not in names:
            continue
        if reading is not None and name in read:
            ngrams, embedding = read[name]
            found[name] = Classifier(reading, ngrams=ngrams, embedding=embedding)
        else:
            found[name] = Lookup(distinct) if name == "lookup" else NearestNeighbour(distinct, shared)
    return found


def spoken(text: str) -> str:
    """A label as words an encoder can read: `US_SSN` and `usSsn` become `us ssn`."""
    return " ".join(words(text)) or text.strip()


def _texts(questions: Sequence[Question]) -> list[str]:
    return [spoken(f"{question.label} {question.description}") for question in questions]


def _majority(votes: Counter[str]) -> Guess:
    label, count = max(votes.items(), key=lambda item: (item[1], item[0]))
    return Guess(label, count / votes.total())
