"""Fits what a release trusts: the temperature of the model, and how often each kind of rule is right.

Everything is measured on labels that training and rules were made to forget. What is reported about a case
never rests on that case: temperatures are cross-fitted in two halves, and rules are judged without the
detectors that are scored.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from mapper_assets.evaluation.scores import RuleEvidence, TemperatureFit
from mapper_assets.training.golden import GoldenCase
from mapper_domain.catalog import Catalog
from mapper_domain.confidence import Judged, fit_temperature, negative_log_likelihood
from mapper_domain.ladder import Trust
from mapper_domain.rules import Match, RuleMapper
from mapper_domain.scoring import set_f1
from mapper_domain.text import normalise

MEASURED = (Match.FORMAT, Match.ALIAS, Match.ELSEWHERE)
"""Kinds of rule whose reliability is a measurement; an exact hit is the reviewed fact itself."""

LEAST_CASES = 20
"""Fewer held-out questions than this say nothing about a temperature, which then stays 1.0."""


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


class Calibration(NamedTuple):
    """A temperature fit, and in which half each key was."""

    fit: TemperatureFit
    halves: Mapping[str, int]

    def temperature(self, key: str | None) -> float:
        """The temperature for a case of this key, fitted without it; the shipped one for cases that were in no half."""
        half = self.halves.get(key) if key is not None else None
        return self.fit.shipped if half is None else self.fit.folds[half]


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


def trust(temperature: float, evidence: Mapping[Match, RuleEvidence]) -> Trust:
    """The two together, with 1.0 for an exact hit by definition."""
    return Trust(
        temperature=temperature,
        rules={Match.EXACT: 1.0, **{match: found.reliability for match, found in evidence.items()}},
    )


def calibrate(held: Sequence[Held]) -> Calibration:
    """Fit one temperature on all held-out questions to ship, and one on either half to report with."""
    halves = _halves(held)
    parts = tuple([item.judged for item in held if halves[item.key] == half] for half in (0, 1))
    folds = (_fit(parts[1]), _fit(parts[0]))
    everything = [item.judged for item in held]
    after = sum(
        len(part) * negative_log_likelihood(part, temperature) for part, temperature in zip(parts, folds, strict=True)
    )
    fit = TemperatureFit(
        cases=len(held),
        shipped=_fit(everything),
        folds=folds,
        nll_before=negative_log_likelihood(everything, 1.0),
        nll_after=after / len(held) if held else 0.0,
    )
    return Calibration(fit, halves)


def _fit(cases: Sequence[Judged]) -> float:
    return fit_temperature(cases) if len(cases) >= LEAST_CASES else 1.0


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
