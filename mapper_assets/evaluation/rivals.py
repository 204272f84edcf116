"""What people would use instead of an adapted language model: three mappers that see the label string only.

They learn from everything the adapter's training rows are drawn from, without the caps that keep those rows
few, and are asked the same golden cases. The strongest of them is what the learned mapper has to beat on
detectors nobody has seen.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from mapper_assets.training import synthetic
from mapper_domain.catalog import Catalog
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import normalise, words


class Example(NamedTuple):
    """A native label, a name, an alias or a description, and the canonical label it stands for."""

    text: str
    label: str


class Guess(NamedTuple):
    """A canonical label and how sure the rival is of it, 0..1 by its own measure."""

    label: str
    confidence: float


class Rival(Protocol):
    """Anything that maps native labels after having seen examples."""

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """One guess a text, in order."""


class Encoder(Protocol):
    """Anything that turns texts into unit vectors (`mapper_model.encoder.SentenceEncoder`)."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""


class Remembering:
    """An encoder that encodes a text once, however many rivals ask."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        if new := [text for text in dict.fromkeys(texts) if text not in self._vectors]:
            self._vectors.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self._vectors[text] for text in texts]) if texts else self._encoder.encode([])


class Lookup:
    """Normalised lookup: the most frequent meaning of a spelling, case and separators aside, else unknown."""

    def __init__(self, examples: Sequence[Example]) -> None:
        votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for example in examples:
            votes[normalise(example.text)][example.label] += 1
        self._table: Mapping[str, Guess] = {key: _majority(found) for key, found in votes.items() if key}

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """The majority and its share of the votes; `OTHER.Unknown` at 0.0 for a spelling never seen."""
        return [self._table.get(normalise(text), Guess(UNKNOWN, 0.0)) for text in texts]


class NearestNeighbour:
    """The meaning of the example whose MiniLM embedding is nearest; its cosine is the confidence."""

    def __init__(self, examples: Sequence[Example], encoder: Encoder) -> None:
        self._encoder = encoder
        self._labels = [example.label for example in examples]
        self._known = encoder.encode([spoken(example.text) for example in examples])

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """Always an answer: nothing is too far away."""
        cosines = self._encoder.encode([spoken(text) for text in texts]) @ self._known.T
        nearest = cosines.argmax(axis=1)
        return [
            Guess(self._labels[index], float(np.clip(row[index], 0.0, 1.0)))
            for index, row in zip(nearest, cosines, strict=True)
        ]


class LogisticRegression:
    """Multinomial logistic regression on character n-grams (TF-IDF) beside the MiniLM embedding."""

    def __init__(self, examples: Sequence[Example], encoder: Encoder) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression as Classifier
        from sklearn.pipeline import make_pipeline, make_union
        from sklearn.preprocessing import FunctionTransformer

        ngrams = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
        features = make_union(ngrams, FunctionTransformer(encoder.encode))
        self._pipeline = make_pipeline(features, Classifier(C=20.0, max_iter=300))
        self._pipeline.fit([spoken(example.text) for example in examples], [example.label for example in examples])

    def guess(self, texts: Sequence[str]) -> list[Guess]:
        """The most probable label and its probability."""
        if not texts:
            return []
        probabilities = self._pipeline.predict_proba([spoken(text) for text in texts])
        best = probabilities.argmax(axis=1)
        labels = self._pipeline.classes_[best]
        return [Guess(str(label), float(row[i])) for label, row, i in zip(labels, probabilities, best, strict=True)]


def examples(known: Catalog, seed: int) -> tuple[Example, ...]:
    """What there is to learn from: vocabularies, names, aliases and descriptions, invented detectors, nonsense.

    Args:
        known: the catalogue without anything held out.
        seed: of the invented rows, the same as the training rows'.
    """
    found = [Example(m.label, m.canonical[0]) for d in known.detectors for m in d.maps if not m.opaque]
    for label in known.taxonomy.labels:
        texts = (label.name, label.name.rsplit(".", 1)[1], *label.aliases, label.description)
        found += [Example(text, label.name) for text in texts if text]
    for concept in synthetic.concepts(seed):
        if concept.canonical in known.taxonomy.names:
            found += [Example(concept.label, concept.canonical), Example(concept.meaning, concept.canonical)]
    found += [Example(text, UNKNOWN) for text in synthetic.unmappable(seed)]
    return tuple(sorted(set(found)))


def train(examples: Sequence[Example], encoder: Encoder) -> dict[str, Rival]:
    """All rivals by name, trained on the same examples, in whatever order they come."""
    distinct, shared = sorted(examples), Remembering(encoder)
    return {
        "lookup": Lookup(distinct),
        "nearest_neighbour": NearestNeighbour(distinct, shared),
        "logistic_regression": LogisticRegression(distinct, shared),
    }


def spoken(text: str) -> str:
    """A label as words an encoder can read: `US_SSN` and `usSsn` become `us ssn`."""
    return " ".join(words(text)) or text


def _majority(votes: Counter[str]) -> Guess:
    label, count = max(votes.items(), key=lambda item: (item[1], item[0]))
    return Guess(label, count / votes.total())
