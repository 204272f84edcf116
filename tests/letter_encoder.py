"""A sentence encoder that takes no time, for tests of what is built on one."""

import string
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LETTERS = string.ascii_lowercase


class LetterEncoder:
    """Texts as unit vectors of how often each letter stands in them: fast, and near for words that look alike.

    Attributes:
        size: width of the vectors.
        read: every text it was asked about, in order.
    """

    size = len(LETTERS) + 1

    def __init__(self) -> None:
        self.read: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        self.read.extend(texts)
        counts = np.array([[1.0, *(text.count(letter) for letter in LETTERS)] for text in texts], dtype=np.float32)
        counts = counts.reshape(-1, self.size)
        unit: NDArray[np.float32] = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return unit
