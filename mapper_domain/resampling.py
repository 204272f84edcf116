"""How sure we may be of a macro mean: the percentile bootstrap over cases that belong together.

Numbers only. What a case is and what its value means is `scoring`'s business.
"""

import math
import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mapper_domain.value import Value

REPLICATES = 1000


class Interval(Value):
    """A 95 % confidence interval."""

    low: float
    high: float


class Unit(NamedTuple):
    """Cases that are drawn together: the weighted sum of their values, and their weight."""

    value: float
    weight: float

    def plus(self, value: float, weight: float) -> "Unit":
        """The unit with one more case."""
        return Unit(self.value + value * weight, self.weight + weight)


EMPTY = Unit(0.0, 0.0)

Strata = Sequence[Sequence[Unit]]
"""Units of one group. The share of a stratum in its group is known and stays; units are drawn within it."""


def macro_mean(groups: Mapping[str, Strata]) -> float:
    """Mean over groups of the weighted mean of each; 0.0 without groups."""
    return math.fsum(_mean(strata) for strata in groups.values()) / len(groups) if groups else 0.0


def bootstrap(groups: Mapping[str, Strata], *, seed: int, replicates: int = REPLICATES) -> Interval:
    """Stratified percentile bootstrap (Efron 1979) of `macro_mean`.

    Groups are fixed and units are drawn with replacement within each stratum, so the interval speaks of these
    groups, not of groups nobody has seen. A stratum of one unit shows no spread, whatever it stands for.
    """
    varied = {name: strata for name, strata in groups.items() if any(_varies(units) for units in strata)}
    constant = math.fsum(_mean(strata) for name, strata in groups.items() if name not in varied)
    if not varied:
        return Interval(low=macro_mean(groups), high=macro_mean(groups))
    drawn = random.Random(seed)  # noqa: S311 - statistics, not secrets
    means = sorted(
        (constant + sum(_drawn_mean(strata, drawn) for strata in varied.values())) / len(groups)
        for _ in range(replicates)
    )
    return Interval(low=means[math.floor(0.025 * replicates)], high=means[math.ceil(0.975 * replicates) - 1])


def _varies(units: Sequence[Unit]) -> bool:
    return len({unit.value / unit.weight for unit in units}) > 1


def _mean(strata: Strata) -> float:
    return sum(unit.value for units in strata for unit in units) / sum(
        unit.weight for units in strata for unit in units
    )


def _drawn_mean(strata: Strata, drawn: random.Random) -> float:
    total = weights = 0.0
    for units in strata:
        weight = sum(unit.weight for unit in units)
        again = drawn.choices(units, k=len(units))
        total += weight * sum(unit.value for unit in again) / sum(unit.weight for unit in again)
        weights += weight
    return total / weights
