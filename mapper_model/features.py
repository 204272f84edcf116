"""What the retriever looks at in a question: spellings as character n-grams, meanings as sentence embeddings.

Label and description are read apart, so that either can be missing; words of the detector's own name say nothing
about one of its labels and are left out. What is made of the features is the retriever's business.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from mapper_domain.question import Question
from mapper_domain.text import words

SHORTEST, LONGEST = 2, 4
"""Lengths of the n-grams, which never cross a word's border."""


class Encoder(Protocol):
    """Anything that turns texts into unit vectors (`mapper_model.encoder.SentenceEncoder`)."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        ...


class Features(NamedTuple):
    """Rows of questions.

    Attributes:
        ngrams: TF-IDF of the label's n-grams, then of the description's, shape (questions, 2 x n-grams).
        vectors: embeddings of the label, of the description and of both together, shape (questions, 3 x width);
            zero where a question has no description.
    """

    ngrams: sp.csr_matrix
    vectors: NDArray[np.float32]


class Reader:
    """Reads questions. Two readers with the same n-grams and the same encoder read alike.

    Attributes:
        ngrams: inverse document frequency of each known n-gram, in the order of the columns.
    """

    def __init__(self, ngrams: Mapping[str, float], encoder: Encoder) -> None:
        self.ngrams = dict(ngrams)
        self._encoder = encoder
        self._vectorizer = _vectorizer({ngram: column for column, ngram in enumerate(self.ngrams)})
        self._vectorizer.idf_ = np.array(list(self.ngrams.values()), dtype=np.float32)

    @classmethod
    def learn(cls, questions: Sequence[Question], encoder: Encoder, *, least: int = 2) -> "Reader":
        """A reader of the n-grams that at least `least` of the texts of these questions have."""
        vectorizer = _vectorizer(None, least)
        vectorizer.fit([text for question in questions for text in spoken(question) if text])
        names = vectorizer.get_feature_names_out()
        return cls({str(name): float(idf) for name, idf in zip(names, vectorizer.idf_, strict=True)}, encoder)

    def read(self, questions: Sequence[Question]) -> Features:
        """Features of questions, in order."""
        both = [spoken(question) for question in questions]
        labels, descriptions = [label for label, _ in both], [description for _, description in both]
        together = [f"{label} {description}" if description else "" for label, description in both]
        ngrams = sp.hstack([self._vectorizer.transform(texts) for texts in (labels, descriptions)], format="csr")
        return Features(ngrams, np.hstack([self._vectors(texts) for texts in (labels, descriptions, together)]))

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        written = [row for row, text in enumerate(texts) if text]
        found = self._encoder.encode([texts[row] for row in written])
        vectors = np.zeros((len(texts), found.shape[1]), dtype=np.float32)
        vectors[written] = found
        return vectors


def spoken(question: Question) -> tuple[str, str]:
    """Label and description as plain words, without those of the detector's name where others remain."""
    own = frozenset(words(question.detector))
    return _plain(question.label, own), _plain(question.description, own)


def _plain(text: str, own: frozenset[str]) -> str:
    found = words(text)
    return " ".join([word for word in found if word not in own] or found) or text.strip()


def _vectorizer(vocabulary: Mapping[str, int] | None, least: int = 1) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(SHORTEST, LONGEST),
        sublinear_tf=True,
        min_df=least,
        vocabulary=vocabulary,
        dtype=np.float32,
    )
