"""How the retriever reads a question: its plain words, and their spelling as character n-grams.

Label and description are read apart, so that either can be missing; the detector's own name says nothing about one of
its labels and is left out. What is made of them is the retriever's business.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

from mapper_domain.question import Question
from mapper_domain.text import words
from mapper_domain.weaknesses import spelt_out

SHORTEST, LONGEST = 2, 4
"""Lengths of the n-grams, which never cross a word's border."""


class Reader:
    """Reads questions. Two readers with the same n-grams read alike.

    Attributes:
        ngrams: inverse document frequency of each known n-gram, in the order of the columns.
    """

    def __init__(self, ngrams: Mapping[str, float]) -> None:
        self.ngrams = dict(ngrams)
        self._vectorizer = _vectorizer({ngram: column for column, ngram in enumerate(self.ngrams)})
        self._vectorizer.idf_ = np.array(list(self.ngrams.values()), dtype=np.float32)

    @classmethod
    def learn(cls, questions: Sequence[Question], *, least: int = 2) -> "Reader":
        """A reader of the n-grams that at least `least` of the texts of these questions have."""
        vectorizer = _vectorizer(None, least)
        vectorizer.fit([text for question in questions for text in spoken(question) if text])
        names = vectorizer.get_feature_names_out()
        return cls({str(name): float(idf) for name, idf in zip(names, vectorizer.idf_, strict=True)})

    def read(self, questions: Sequence[Question]) -> sp.csr_matrix:
        """TF-IDF of each label's n-grams, then of its description's, shape (questions, 2 x n-grams)."""
        both = [spoken(question) for question in questions]
        labels, descriptions = [label for label, _ in both], [description for _, description in both]
        return sp.hstack([self._vectorizer.transform(texts) for texts in (labels, descriptions)], format="csr")


def spoken(question: Question) -> tuple[str, str]:
    """Label and description as plain words: numbers of weaknesses spelt out, the detector's name left out."""
    own = words(question.detector)
    return _plain(question.label, own), _plain(question.description, own)


def _plain(text: str, own: Sequence[str]) -> str:
    found = words(spelt_out(text))
    return " ".join(_without(found, own) or found) or text.strip()


def _without(found: Sequence[str], own: Sequence[str]) -> list[str]:
    """Words without every run of them that is the whole of a name: `aws` says much in a label of `aws-scanner`."""
    kept: list[str] = []
    place = 0
    while place < len(found):
        if own and list(found[place : place + len(own)]) == list(own):
            place += len(own)
        else:
            kept.append(found[place])
            place += 1
    return kept


def _vectorizer(vocabulary: Mapping[str, int] | None, least: int = 1) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer="char_wb",
        ngram_range=(SHORTEST, LONGEST),
        sublinear_tf=True,
        min_df=least,
        vocabulary=vocabulary,
        dtype=np.float32,
    )
