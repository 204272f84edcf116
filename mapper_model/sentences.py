"""The sentence classifier: MiniLM whose upper layers were tuned to the taxonomy, and a linear layer above them.

Reading and scoring only, without torch; how it is tuned belongs to the training package. What a question says besides
its spelling is all it knows: `mapper_model.retriever` multiplies it with a classifier of spellings.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from mapper_domain.errors import ReleaseCorrupt
from mapper_domain.question import Question
from mapper_model.features import spoken
from mapper_model.minilm import Array, MiniLM

FROZEN = 2
"""Lower layers that stay as they came, as do the word embeddings; the other four are tuned."""

MAX_TOKENS = 64
SCALE = 12.0
"""Length of a sentence's vector before the linear layer; without it a softmax over unit vectors is never sure."""

ENCODER, HEAD, BIAS = "_encoder.", "_head.weight", "_head.bias"
"""Names of stored tensors: of the encoder's begin with the first, those of the linear layer are the others."""

_BATCH = 256


class SentenceClassifier:
    """Scores a fixed number of labels by what a text means."""

    def __init__(self, tensors: Mapping[str, Array], labels: int) -> None:
        """The classifier whose tuned parameters these are.

        Args:
            tensors: by name: the tuned layers of the encoder, and the linear layer.
            labels: how many are scored.

        Raises:
            ReleaseCorrupt: when they are not those of a classifier of so many labels.
            EngineError: when the sentence encoder is not installed.
        """
        tuned = {name.removeprefix(ENCODER): values for name, values in tensors.items() if name.startswith(ENCODER)}
        self._encoder = MiniLM(tuned, max_tokens=MAX_TOKENS)
        self._tensors = dict(tensors)
        size = self._encoder.size
        wanted = {f"{ENCODER}{name}": shape for name, shape in self._encoder.shapes.items() if is_tuned(name)}
        wanted |= {HEAD: (labels, size), BIAS: (labels,)}
        if {name: values.shape for name, values in tensors.items()} != wanted:
            raise ReleaseCorrupt("The sentence classifier does not have the tensors it should have.")

    def tensors(self) -> Mapping[str, Array]:
        """Its tuned parameters by name; the others are the installed encoder's."""
        return self._tensors

    def score(self, questions: Sequence[Question]) -> NDArray[np.float64]:
        """Natural-log probability of every label for each question, shape (questions, labels)."""
        texts = [sentence(question) for question in questions]
        found = np.zeros((len(texts), len(self._tensors[BIAS])))
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            vectors = self._encoder.encode([texts[place] for place in chosen])
            vectors *= np.float32(SCALE) / np.linalg.norm(vectors, axis=1, keepdims=True)
            scores = vectors @ self._tensors[HEAD].T + self._tensors[BIAS]
            found[chosen] = log_softmax(scores.astype(np.float64), axis=1)
        return found


def sentence(question: Question) -> str:
    """What the classifier reads of a question: the label's words, and its description's where there is one."""
    label, description = spoken(question)
    return f"{label} : {description}" if description else label


def is_tuned(name: str) -> bool:
    """Whether a parameter of the encoder is tuned, by its name in the installed package."""
    return name.startswith("encoder.layer.") and int(name.split(".")[2]) >= FROZEN
