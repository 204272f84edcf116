"""Fits what a release trusts: weights of the voices, when they may answer, how often each kind of rule is right.

Everything is measured on labels that training and rules were made to forget. What is reported about a case
never rests on that case: weights and limits are cross-fitted in two halves, and rules are judged without the
detectors that are scored.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from mapper_assets.evaluation.scores import RuleEvidence, WeightsFit
from mapper_assets.evaluation.weights import VOICES, Judged, fit, loss
from mapper_assets.training.golden import GoldenCase
from mapper_domain.catalog import Catalog
from mapper_domain.ladder import DEFAULT_THRESHOLD, Trust
from mapper_domain.rules import Match, RuleMapper
from mapper_domain.scoring import HARMLESS, set_f1
from mapper_domain.taxonomy import SAFE, UNKNOWN
from mapper_domain.text import normalise
from mapper_domain.voices import Voice, Weights, fuse

MEASURED = (Match.FORMAT, Match.ALIAS, Match.ELSEWHERE)
"""Kinds of rule whose reliability is a measurement; an exact hit is the reviewed fact itself."""

HEARD: Mapping[str, tuple[Voice, ...]] = {**{voice: (voice,) for voice in VOICES}, "together": VOICES}
"""Who may be heard, by name."""

STEP = 0.001
"""Thresholds are multiples of it."""

PRECISION = 0.985
"""Share of the answers to held-out labels that have to be right. Half a point above what is wanted on detectors nobody
has seen (0.98): a threshold that just reaches a precision on some detectors misses it on others."""

CAUTION = 0.95
"""Highest threshold of an answer."""


class Firing(NamedTuple):
    """A rule that fired on a label its catalogue did not have, and how right it was (0..1)."""

    detector: str
    label: str
    match: Match
    right: float


class Held(NamedTuple):
    """A question from held-out data. All cases of one `key` fall into the same half."""

    key: str
    judged: Judged


class Limits(NamedTuple):
    """Least probabilities at which the model may name a label, and at which it may say Safe."""

    answer: float = DEFAULT_THRESHOLD
    safe: float = DEFAULT_THRESHOLD


class Calibration(NamedTuple):
    """What was fitted, and in which half each key was.

    Attributes:
        limits: to ship.
        halves_limits: the same fitted on either half.
    """

    fit: WeightsFit
    limits: Limits
    halves_limits: tuple[Limits, Limits]
    halves: Mapping[str, int]

    def trust(self, key: str | None, rules: Trust) -> Trust:
        """What an answer to a case of this key may rest on, fitted without it; the shipped for cases in no half."""
        half = self.halves.get(key) if key is not None else None
        weights = self.fit.shipped if half is None else self.fit.halves[half]
        limits = self.limits if half is None else self.halves_limits[half]
        return rules.model_copy(update={"weights": weights, "threshold": limits.answer, "safe_threshold": limits.safe})


def firings(catalog: Catalog, folds: Iterable[Collection[str]]) -> tuple[Firing, ...]:
    """What `alias` and `elsewhere` rules say about each fold's labels once the whole fold is forgotten."""
    found: dict[tuple[str, str], Firing] = {}
    for fold in folds:
        rules = RuleMapper(catalog.without(fold))
        for detector in (catalog.detector(name) for name in sorted(fold)):
            for mapping in detector.maps:
                if mapping.ambiguous or mapping.opaque:
                    continue
                if hit := rules.find(detector.name, mapping.label, mapping.field):
                    key = (detector.name, normalise(mapping.label))
                    right = set_f1(mapping.taxonomy, mapping.relation, hit.labels)
                    found.setdefault(key, Firing(*key, hit.match, right))
    return tuple(found.values())


def spelling_firings(rules: RuleMapper, cases: Iterable[GoldenCase]) -> tuple[Firing, ...]:
    """What `format` rules say about spellings of known labels, each distinct normal form once.

    Golden spellings are made from the labels, so these are nearly always right; what they can show is two labels
    of one detector that differ by spelling only.
    """
    found: dict[tuple[str, str], Firing] = {}
    for case in cases:
        hit = rules.find(case.detector, case.label, case.field)
        if hit is not None and hit.match is Match.FORMAT:
            key = (case.detector, normalise(case.label))
            found.setdefault(key, Firing(*key, hit.match, set_f1(case.expected, case.relation, hit.labels)))
    return tuple(found.values())


def reliability(seen: Iterable[Firing], *, without: Collection[str] = ()) -> dict[Match, RuleEvidence]:
    """Evidence for each measured kind of rule, leaving out some detectors' labels."""
    fired: Counter[Match] = Counter()
    right = dict.fromkeys(MEASURED, 0.0)
    for firing in seen:
        if firing.match in right and firing.detector not in without:
            fired[firing.match] += 1
            right[firing.match] += firing.right
    return {
        match: RuleEvidence(
            fired=fired[match], right=right[match], reliability=(right[match] + 1.0) / (fired[match] + 2.0)
        )
        for match in MEASURED
    }


def trust(weights: Weights, evidence: Mapping[Match, RuleEvidence], limits: Limits) -> Trust:
    """All of it together, with 1.0 for an exact hit by definition."""
    return Trust(
        weights=weights,
        rules={Match.EXACT: 1.0, **{match: found.reliability for match, found in evidence.items()}},
        threshold=limits.answer,
        safe_threshold=limits.safe,
    )


def limits(cases: Iterable[Judged], weights: Weights) -> Limits:
    """Both limits, as these cases give them."""
    said = [(fuse(case.opinion, weights), case.accepted) for case in cases]
    return Limits(answer_threshold(said), safe_threshold(said))


def answer_threshold(said: Iterable[tuple[Mapping[str, float], Collection[str]]]) -> float:
    """Least threshold, but never below the ladder's own, from which on `PRECISION` of the answers are right.

    Selective classification with a bound on the risk (Geifman and El-Yaniv 2017, arXiv:1705.08500), by the measured
    precision itself. Never above `CAUTION`: a mapper that hardly speaks is of no use, and one that is that often
    wrong when it is that sure needs other weights, not a higher threshold.

    Args:
        said: probabilities of the labels of a question, and the labels that would be right.
    """
    named = []
    for probabilities, accepted in said:
        best = max(probabilities, key=lambda x: (probabilities[x], x))
        if best != UNKNOWN:
            named.append((probabilities[best], best in accepted))
    right, found = 0, CAUTION if named else DEFAULT_THRESHOLD
    for given, (probability, fits) in enumerate(sorted(named, reverse=True), start=1):
        right += fits
        if right >= PRECISION * given:
            found = probability
    return round(min(CAUTION, max(DEFAULT_THRESHOLD, math.floor(found / STEP + 1e-6) * STEP)), 3)


def safe_threshold(said: Iterable[tuple[Mapping[str, float], Collection[str]]]) -> float:
    """Least threshold, but never below the ladder's own, at which no harmful label would have been called Safe.

    1.0 where a harmful label was as good as certainly called Safe: then a model may not say it at all.

    Args:
        said: probabilities of the labels of a question, and the labels that would be right.
    """
    wrong = [
        probabilities[SAFE]
        for probabilities, accepted in said
        if HARMLESS.isdisjoint(accepted) and max(probabilities, key=lambda x: (probabilities[x], x)) == SAFE
    ]
    above = math.floor(max(wrong, default=0.0) / STEP + 1.0) * STEP
    return round(min(1.0, max(DEFAULT_THRESHOLD, above)), 3)


def calibrate(held: Sequence[Held], elsewhere: Trust | None = None, shipped: Trust | None = None) -> Calibration:
    """Fit everything on all held-out questions to ship, and on either half to report with.

    Args:
        elsewhere: what cross-validation fitted on other detectors than these, for reporting.
        shipped: what it fitted on all detectors, to ship: the weight of the retriever alone and the threshold of
            answers rest on more labels there, and Safe is only said where neither of the two sets has a
            counterexample.
    """
    halves = _halves(held)
    everything = [item.judged for item in held]
    parts = tuple([item.judged for item in held if halves[item.key] == half] for half in (0, 1))
    fitted = (fit(parts[1]), fit(parts[0]))
    weights = fit(everything)
    if shipped is not None:
        weights = weights.model_copy(update={"retriever": shipped.weights.retriever})
    return Calibration(
        WeightsFit(
            cases=len(held),
            shipped=weights,
            halves=fitted,
            before={name: loss(everything, Weights(), heard) for name, heard in HEARD.items()},
            after={name: _cross_fitted(parts, fitted, heard) for name, heard in HEARD.items()},
        ),
        limits=_limits(everything, weights, shipped),
        halves_limits=(_limits(parts[1], fitted[0], elsewhere), _limits(parts[0], fitted[1], elsewhere)),
        halves=halves,
    )


def _cross_fitted(parts: Sequence[Sequence[Judged]], fitted: Sequence[Weights], heard: Sequence[Voice]) -> float:
    counts = [sum(all(voice in case.opinion for voice in heard) for case in part) for part in parts]
    losses = [loss(part, weights, heard) for part, weights in zip(parts, fitted, strict=True)]
    return sum(c * x for c, x in zip(counts, losses, strict=True)) / sum(counts) if sum(counts) else 0.0


def _limits(cases: Sequence[Judged], weights: Weights, other: Trust | None) -> Limits:
    """Of these cases; where there is a cross-validation, precision is measured there, on many more labels."""
    found = limits(cases, weights)
    return found if other is None else Limits(other.threshold, max(found.safe, other.safe_threshold))


def _halves(held: Iterable[Held]) -> dict[str, int]:
    """Keys into two halves of nearly equal size: the largest first, always into the smaller half."""
    sizes = Counter(item.key for item in held)
    totals = [0, 0]
    halves: dict[str, int] = {}
    for key, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        half = int(totals[1] < totals[0])
        halves[key] = half
        totals[half] += size
    return halves
