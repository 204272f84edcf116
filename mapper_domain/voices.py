"""The two learned voices of a mapper, and how they become one distribution over the labels.

The adapter is a language model adapted to the taxonomy; the retriever is a classifier over spellings and sentence
embeddings. Each gives a log-probability for every label. They are multiplied, each raised to a weight that was
fitted on detectors neither had seen (a product of experts; Hinton 2002, doi:10.1162/089976602760128018).

Of the adapter only counts what it says of labels the retriever does not rule out. On 484 questions about detectors
neither had seen no other label would have won, and an adapter that need not speak of them answers in half the time.
The evaluation weighs the voices with the same function.
"""

import heapq
import math
from collections.abc import Collection, Mapping
from typing import Literal

from pydantic import Field

from mapper_domain.value import Value

Voice = Literal["adapter", "retriever"]
LogProbs = Mapping[str, float]
"""Natural-log probability of every label."""

Opinion = Mapping[Voice, LogProbs]
"""What each voice that was heard says about one question; at least one."""

CONTENDING = 1 / 1000
"""How likely a label must be, beside the retriever's first, for the adapter to be heard of it."""

MOST_CONTENDERS = 12
"""Labels the adapter is heard of at most, the retriever's best; more only where the last of them are equally likely."""

_LEAST = 1e-9
"""Probability that is left for all other labels together, at least."""


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


def contenders(retrieved: LogProbs) -> frozenset[str]:
    """The labels the retriever does not rule out, of which the adapter is heard: all where it has no idea at all."""
    best = heapq.nlargest(MOST_CONTENDERS, retrieved.values())
    least = max(best[0] + math.log(CONTENDING), best[-1])
    return frozenset(label for label, said in retrieved.items() if said >= least)


def narrowed(said: LogProbs, among: Collection[str]) -> dict[str, float]:
    """What a voice says of some labels, the rest of its probability shared evenly by all others."""
    others = len(said) - len(among)
    if not others:
        return dict(said)
    rest = max(_LEAST, 1.0 - math.fsum(math.exp(said[label]) for label in among))
    even = math.log(rest / others)
    return {label: value if label in among else even for label, value in said.items()}


def joint(opinion: Opinion) -> Opinion:
    """What counts of an opinion: all of a voice heard alone, of two the adapter's about the contenders."""
    if len(opinion) == 1:
        return opinion
    among = contenders(opinion["retriever"])
    return {"retriever": opinion["retriever"], "adapter": narrowed(opinion["adapter"], among)}


def fuse(opinion: Opinion, weights: Weights) -> dict[str, float]:
    """Probability of every label, summing to 1.

    Args:
        opinion: log-probabilities by voice, over the same labels.
        weights: of the release.
    """
    exponents, opinion = weights.of(opinion), joint(opinion)
    labels = next(iter(opinion.values()))
    scores = {label: sum(exponents[voice] * said[label] for voice, said in opinion.items()) for label in labels}
    peak = max(scores.values())
    masses = {label: math.exp(score - peak) for label, score in scores.items()}
    total = math.fsum(masses.values())
    return {label: mass / total for label, mass in masses.items()}
