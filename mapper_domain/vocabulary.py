"""A detector's whole vocabulary at once: what its other labels are about says something about each of them.

`EN` alone could be anything; among two hundred names of credentials it is one of them. Pure functions of opinions;
who has them and what is done about a vocabulary is not known here.
"""

import math
from collections.abc import Mapping, Sequence

from mapper_domain.taxonomy import UNKNOWN

WEIGHT = 0.5
"""Exponent of the prior, fitted on cross-validated folds; 0 would leave every opinion as it is."""

DOUBT = 3.0
"""Labels about nothing in particular that are imagined beside the real ones, so that two labels prove little."""

_APART = UNKNOWN.split(".", 1)[0]


def together(
    opinions: Sequence[Mapping[str, float]], *, weight: float = WEIGHT, doubt: float = DOUBT
) -> list[dict[str, float]]:
    """The opinions about all labels of one detector, each weighed by what the others are about.

    Every label's probabilities are multiplied by a prior over categories (first segment of the canonical label),
    which is the mean of the other labels' opinions, raised to `weight`. What belongs to no subject (`OTHER`: safe,
    unknown) keeps its probability: every kind of detector has such labels.

    Args:
        opinions: probability of every canonical label, for each label of the detector.
        weight: how much the prior counts, 0 or more.
        doubt: how many labels spread over all categories are added to the real ones.
    """
    masses = [_masses(opinion) for opinion in opinions]
    categories = sorted({category for mass in masses for category in mass})
    total = {category: math.fsum(mass.get(category, 0.0) for mass in masses) for category in categories}
    return [
        _weighed(opinion, {c: total[c] - mass.get(c, 0.0) + doubt / len(categories) for c in categories}, weight)
        for opinion, mass in zip(opinions, masses, strict=True)
    ]


def _masses(opinion: Mapping[str, float]) -> dict[str, float]:
    """Probability of each category but `OTHER`."""
    found: dict[str, float] = {}
    for label, probability in opinion.items():
        category = _category(label)
        if category != _APART:
            found[category] = found.get(category, 0.0) + probability
    return found


def _weighed(opinion: Mapping[str, float], prior: Mapping[str, float], weight: float) -> dict[str, float]:
    weighed = {
        label: probability * prior[category] ** weight
        for label, probability in opinion.items()
        if (category := _category(label)) != _APART
    }
    before = math.fsum(opinion[label] for label in weighed)
    after = math.fsum(weighed.values())
    scale = before / after if after else 0.0
    return {label: weighed[label] * scale if label in weighed else opinion[label] for label in opinion}


def _category(label: str) -> str:
    return label.split(".", 1)[0]
