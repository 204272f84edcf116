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


def macro_mean(groups: Mapping[str, Sequence[Unit]]) -> float:
    """Mean over groups of the weighted mean of each; 0.0 without groups."""
    return math.fsum(_mean(units) for units in groups.values()) / len(groups) if groups else 0.0


def bootstrap(groups: Mapping[str, Sequence[Unit]], *, seed: int, replicates: int = REPLICATES) -> Interval:
    """Percentile bootstrap (Efron 1979) of `macro_mean`.

    Groups are fixed and units are drawn with replacement within each, so the interval speaks of these
    groups, not of groups nobody has seen.
    """
    varied = {name: units for name, units in groups.items() if len({u.value / u.weight for u in units}) > 1}
    constant = math.fsum(_mean(units) for name, units in groups.items() if name not in varied)
    if not varied:
        return Interval(low=macro_mean(groups), high=macro_mean(groups))
    drawn = random.Random(seed)  # noqa: S311 - statistics, not secrets
    means = sorted(
        (constant + sum(_mean(drawn.choices(units, k=len(units))) for units in varied.values())) / len(groups)
        for _ in range(replicates)
    )
    return Interval(low=means[math.floor(0.025 * replicates)], high=means[math.ceil(0.975 * replicates) - 1])


def _mean(units: Sequence[Unit]) -> float:
    return sum(unit.value for unit in units) / sum(unit.weight for unit in units)
