"""A sentence classifier that takes no time, for tests of what is built on one."""

from collections.abc import Mapping, Sequence

import numpy as np
from letter_encoder import LetterEncoder
from numpy.typing import NDArray
from scipy.special import log_softmax

from mapper_domain.question import Question
from mapper_model.features import spoken


class LetterSentences:
    """Labels scored by how often each letter stands in a question's words; with zeros all are equally probable."""

    def __init__(self, tensors: Mapping[str, NDArray[np.float32]], labels: int) -> None:
        self._weights = tensors["weights"] if tensors else np.zeros((LetterEncoder.size, labels), dtype=np.float32)

    def score(self, questions: Sequence[Question]) -> NDArray[np.float64]:
        """ln p, shape (questions, labels)."""
        vectors = LetterEncoder().encode([" ".join(spoken(question)) for question in questions])
        found: NDArray[np.float64] = log_softmax((vectors @ self._weights).astype(np.float64), axis=1)
        return found

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Its weights."""
        return {"weights": self._weights}
