"""The two learned voices of a mapper, and how they become one distribution over the labels.

The adapter is a language model adapted to the taxonomy; the retriever is a classifier over spellings and sentence
embeddings. Each gives a log-probability for every label. They are multiplied, each raised to a weight that was
fitted on detectors neither had seen (a product of experts; Hinton 2002, doi:10.1162/089976602760128018).
"""

import math
from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from mapper_domain.value import Value

Voice = Literal["adapter", "retriever"]
LogProbs = Mapping[str, float]
"""Natural-log probability of every label."""

Opinion = Mapping[Voice, LogProbs]
"""What each voice that was heard says about one question; at least one."""


class Weights(Value):
    """Exponents of the voices' probabilities, by who was heard. Below 1 a voice is less sure than it says.

    Attributes:
        adapter: when the adapter alone was heard (the reciprocal of a temperature; Guo et al. 2017).
        retriever: when the retriever alone was heard.
        together: when both were.
    """

    adapter: float = Field(default=1.0, gt=0.0)
    retriever: float = Field(default=1.0, gt=0.0)
    together: Mapping[Voice, float] = {"adapter": 0.5, "retriever": 0.5}

    def of(self, opinion: Opinion) -> Mapping[Voice, float]:
        """The exponent of each voice in an opinion."""
        if len(opinion) == 1:
            (voice,) = opinion
            return {voice: self.adapter if voice == "adapter" else self.retriever}
        return self.together


def fuse(opinion: Opinion, weights: Weights) -> dict[str, float]:
    """Probability of every label, summing to 1.

    Args:
        opinion: log-probabilities by voice, over the same labels.
        weights: of the release.
    """
    exponents = weights.of(opinion)
    labels = next(iter(opinion.values()))
    scores = {label: sum(exponents[voice] * said[label] for voice, said in opinion.items()) for label in labels}
    peak = max(scores.values())
    masses = {label: math.exp(score - peak) for label, score in scores.items()}
    total = math.fsum(masses.values())
    return {label: mass / total for label, mass in masses.items()}
