"""Scoring: how right answers are, per detector, per label and overall, and how sure we may be of such a number.

Pure functions of outcomes. Who answered, and where golden cases come from, is not known here.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from pydantic import Field

from mapper_domain.confidence import Point, expected_calibration_error
from mapper_domain.detectors import Relation
from mapper_domain.ladder import DEFAULT_THRESHOLD
from mapper_domain.resampling import EMPTY, Interval, Unit, bootstrap, macro_mean
from mapper_domain.taxonomy import SAFE, UNKNOWN
from mapper_domain.value import Value

HARMLESS = frozenset({SAFE, UNKNOWN})
"""What a harm must not be called, and what no harm is."""


class Outcome(Value):
    """One golden case and what was answered.

    Attributes:
        unit: cases of one unit are not independent (spellings of one label) and are resampled together.
        expected: right labels, primary first.
        relation: `any`, one of them is enough; `all`, every one is wanted.
        predicted: answered labels, primary first; `OTHER.Unknown` is an answer like any other here.
        confidence: as answered, 0..1.
        stratum: cases of a detector that stand for each other where only a sample was asked.
        weight: how many cases of the golden set this one stands for, where only a sample was asked.
    """

    case: str
    unit: str
    detector: str
    split: str
    expected: tuple[str, ...] = Field(min_length=1)
    relation: Relation = "any"
    predicted: tuple[str, ...] = Field(min_length=1)
    confidence: float = Field(ge=0.0, le=1.0)
    stratum: str = ""
    weight: float = Field(default=1.0, gt=0.0)

    @property
    def f1(self) -> float:
        """Set F1 of this one case."""
        return set_f1(self.expected, self.relation, self.predicted)


class Score(Value):
    """How one way to answer did on one group of cases.

    Attributes:
        cases: cases answered; with their weights they stand for `weight` cases of the golden set.
        f1: mean set F1 of the cases of each detector, then the mean over detectors, so that a large
            vocabulary does not drown a small one.
        interval: percentile bootstrap of `f1`; detectors are fixed, labels within them are resampled.
        micro: mean set F1 over cases.
        label_f1: mean over labels of one-against-rest F1.
        coverage: share of cases answered with a label at or above the threshold.
        precision: mean set F1 of those; 1.0 where there are none.
        ece: expected calibration error of answers other than `OTHER.Unknown`, which always has confidence 0.
        harmful_called_safe: cases whose right label is a harm and whose answer was `OTHER.Safe`.
        by_detector: mean set F1 by detector.
    """

    cases: int
    weight: float
    f1: float
    interval: Interval
    micro: float
    label_f1: float
    coverage: float
    precision: float
    ece: float
    harmful_called_safe: int
    by_detector: Mapping[str, float]


class Difference(Value):
    """Macro F1 of one system minus another's on the same cases; `interval` is the paired bootstrap's."""

    f1: float
    interval: Interval
    cases: int


def first_choice(outcome: Outcome) -> Outcome:
    """The outcome as if only the primary answered label counted: right where it is one of the expected ones."""
    return outcome.model_copy(update={"relation": "any", "predicted": outcome.predicted[:1]})


def set_f1(expected: Collection[str], relation: Relation, predicted: Collection[str]) -> float:
    """F1 of a predicted label set for one case.

    With `all`, the F1 of two sets. With `any`, one right label recalls everything that was asked for,
    and every label beyond the expected ones costs precision.
    """
    right, given = set(expected), set(predicted)
    common = len(right & given)
    if not common:
        return 0.0
    recall = 1.0 if relation == "any" else common / len(right)
    precision = common / len(given)
    return 2.0 * precision * recall / (precision + recall)


def mean_f1(outcomes: Iterable[Outcome]) -> float:
    """Weighted mean set F1; 0.0 without outcomes."""
    items = tuple(outcomes)
    total = math.fsum(o.weight for o in items)
    return math.fsum(o.f1 * o.weight for o in items) / total if total else 0.0


def by_detector(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """Weighted mean set F1 of each detector, by name in order."""
    return {detector: mean_f1(group) for detector, group in _grouped(outcomes).items()}


def macro_f1(outcomes: Iterable[Outcome]) -> float:
    """Mean over detectors of their mean set F1; 0.0 without outcomes."""
    return macro_mean(_units(outcomes))


def label_f1(outcomes: Iterable[Outcome]) -> float:
    """Mean over labels of one-against-rest F1 (scikit-learn's macro F1, with sets and weights).

    Where any of several labels is right, the one that was answered counts as expected, else the primary one.
    """
    hits: defaultdict[str, float] = defaultdict(float)
    wanted: defaultdict[str, float] = defaultdict(float)
    given: defaultdict[str, float] = defaultdict(float)
    for outcome in outcomes:
        right = _wanted(outcome)
        for label in right:
            wanted[label] += outcome.weight
        for label in set(outcome.predicted):
            given[label] += outcome.weight
            if label in right:
                hits[label] += outcome.weight
    labels = wanted.keys() | given.keys()
    return math.fsum(2.0 * hits[x] / (wanted[x] + given[x]) for x in labels) / len(labels) if labels else 0.0


def points(outcomes: Iterable[Outcome]) -> tuple[Point, ...]:
    """Confidence and correctness of answers other than `OTHER.Unknown`."""
    return tuple(Point(o.confidence, o.f1, o.weight) for o in outcomes if o.predicted != (UNKNOWN,))


def confusion(outcomes: Iterable[Outcome]) -> dict[str, dict[str, float]]:
    """Weight of cases by category (first segment) of the expected label and of the answered one.

    `OTHER.Unknown` is a row and a column of its own, `unknown`: not knowing is no confusion.
    """
    table: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for outcome in outcomes:
        right = next((x for x in outcome.predicted if x in outcome.expected), outcome.expected[0])
        table[_category(right)][_category(outcome.predicted[0])] += outcome.weight
    return {row: dict(sorted(cells.items())) for row, cells in sorted(table.items())}


def score(outcomes: Sequence[Outcome], *, seed: int, threshold: float = DEFAULT_THRESHOLD) -> Score:
    """Every number of one group of outcomes.

    Args:
        outcomes: cases of one split, or of several that are judged together.
        seed: of the bootstrap.
        threshold: least confidence that counts as covered.
    """
    weight = math.fsum(o.weight for o in outcomes)
    sure = [o for o in outcomes if o.predicted != (UNKNOWN,) and o.confidence >= threshold]
    return Score(
        cases=len(outcomes),
        weight=weight,
        f1=macro_f1(outcomes),
        interval=bootstrap(_units(outcomes), seed=seed),
        micro=mean_f1(outcomes),
        label_f1=label_f1(outcomes),
        coverage=math.fsum(o.weight for o in sure) / weight if weight else 0.0,
        precision=mean_f1(sure) if sure else 1.0,
        ece=expected_calibration_error(points(outcomes)),
        harmful_called_safe=sum(SAFE in o.predicted and HARMLESS.isdisjoint(o.expected) for o in outcomes),
        by_detector=by_detector(outcomes),
    )


def difference(ours: Sequence[Outcome], theirs: Sequence[Outcome], *, seed: int) -> Difference:
    """How much better `ours` is than `theirs` on the cases both answered; weights are ours."""
    other = {outcome.case: outcome.f1 for outcome in theirs}
    both = [outcome for outcome in ours if outcome.case in other]
    gains = _units(both, {outcome.case: outcome.f1 - other[outcome.case] for outcome in both})
    return Difference(f1=macro_mean(gains), interval=bootstrap(gains, seed=seed), cases=len(both))


def _units(outcomes: Iterable[Outcome], values: Mapping[str, float] | None = None) -> dict[str, list[list[Unit]]]:
    """Units of each stratum of each detector; `values` by case stand in for the set F1."""
    groups: dict[str, list[list[Unit]]] = {}
    for detector, group in _grouped(outcomes).items():
        strata: defaultdict[str, defaultdict[str, Unit]] = defaultdict(lambda: defaultdict(lambda: EMPTY))
        for outcome in group:
            value = outcome.f1 if values is None else values[outcome.case]
            units = strata[outcome.stratum]
            units[outcome.unit] = units[outcome.unit].plus(value, outcome.weight)
        groups[detector] = [list(units.values()) for units in strata.values()]
    return groups


def _grouped(outcomes: Iterable[Outcome]) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        groups[outcome.detector].append(outcome)
    return dict(sorted(groups.items()))


def _wanted(outcome: Outcome) -> frozenset[str]:
    if outcome.relation == "all":
        return frozenset(outcome.expected)
    return frozenset(outcome.expected).intersection(outcome.predicted) or frozenset(outcome.expected[:1])


def _category(label: str) -> str:
    return "unknown" if label == UNKNOWN else label.split(".", 1)[0]
