"""A detector's whole vocabulary at once: what its other labels mean says something about each of them.

`EN` alone could be anything; among two hundred names of credentials it is one of them. And where a dozen labels each
mean something else, the thirteenth hardly means what one of them does. Pure functions of opinions; who has them and
what is done about a vocabulary is not known here.
"""

import math
from collections.abc import Mapping, Sequence

from mapper_domain.taxonomy import UNKNOWN

WEIGHT = 0.4
"""Exponent of the prior, chosen on cross-validated folds; 0 would leave every opinion as it is."""

DOUBT = 1.0
"""Labels about nothing in particular that are imagined beside the real ones, so that two labels prove little."""

_APART = UNKNOWN.split(".", 1)[0]
_SURE = 1.0 - 1e-9


def together(
    opinions: Sequence[Mapping[str, float]], *, weight: float = WEIGHT, doubt: float = DOUBT
) -> list[dict[str, float]]:
    """The opinions about all labels of one detector, each weighed by what the others mean.

    Every label's probabilities are multiplied by a prior, raised to `weight`. The prior is an urn (Blackwell and
    MacQueen 1973, doi:10.1214/aos/1176342372): with a chance that the vocabulary itself tells, a label means again
    what others mean, in proportion to how many do; else it means something none of them does, in a category (first
    segment of the canonical label) they are about. What belongs to no subject (`OTHER`: safe, unknown) keeps its
    probability: every kind of detector has such labels.

    Args:
        opinions: probability of every canonical label, for each label of the detector.
        weight: how much the prior counts, 0 or more.
        doubt: how many labels spread over all categories are added to the real ones.
    """
    names = sorted({label for opinion in opinions for label in opinion if _category(label) != _APART})
    total = {name: math.fsum(opinion.get(name, 0.0) for opinion in opinions) for name in names}
    missed = {name: math.fsum(_absent(opinion, name) for opinion in opinions) for name in names}
    mass, distinct = math.fsum(total.values()), math.fsum(-math.expm1(found) for found in missed.values())
    again = max(0.0, 1.0 - (distinct + doubt) / (mass + doubt)) if mass + doubt else 0.0
    weighed = []
    for opinion in opinions:
        others = {name: max(0.0, total[name] - opinion.get(name, 0.0)) for name in names}
        unused = {name: math.exp(missed[name] - _absent(opinion, name)) for name in names}
        weighed.append(_weighed(opinion, _urn(others, unused, again, doubt), weight))
    return weighed


def _urn(others: Mapping[str, float], unused: Mapping[str, float], again: float, doubt: float) -> dict[str, float]:
    """The prior of one label.

    Args:
        others: how many of the other labels mean each canonical label.
        unused: probability that none of them does.
        again: chance that a label means what another does.
        doubt: as for `together`.
    """
    subjects = dict.fromkeys(map(_category, others), 0.0)
    for name, count in others.items():
        subjects[_category(name)] += count
    used = math.fsum(others.values())
    new = {name: (subjects[_category(name)] + doubt / len(subjects)) * unused[name] for name in others}
    fresh = math.fsum(new.values())
    return {
        name: (again * count / used if used else 0.0) + ((1.0 - again) * new[name] / fresh if fresh else 0.0)
        for name, count in others.items()
    }


def _weighed(opinion: Mapping[str, float], prior: Mapping[str, float], weight: float) -> dict[str, float]:
    weighed = {label: probability * prior[label] ** weight for label, probability in opinion.items() if label in prior}
    before = math.fsum(opinion[label] for label in weighed)
    after = math.fsum(weighed.values())
    if not after:
        return dict(opinion)
    return {label: weighed[label] * before / after if label in weighed else opinion[label] for label in opinion}


def _absent(opinion: Mapping[str, float], name: str) -> float:
    """ln of the probability that a label does not mean this."""
    return math.log1p(-min(opinion.get(name, 0.0), _SURE))


def _category(label: str) -> str:
    return label.split(".", 1)[0]
