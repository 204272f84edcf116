"""Checks of the golden set: usable, large enough for every detector, and about every part of the taxonomy."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg

from mapper_assets.assets.config import key_of
from mapper_assets.catalogue import Group
from mapper_assets.checks.results import found, or_fails
from mapper_assets.resources import Sources, Thresholds
from mapper_domain.catalog import load

if TYPE_CHECKING:
    from mapper_assets.training.golden import GoldenCase

GOLDEN_SET = key_of(Group.GOLDEN_SET)


def case_problems(cases: Sequence["GoldenCase"], labels: Collection[str]) -> list[str]:
    """Cases that expect a label the taxonomy does not have, and cases written twice."""
    problems = [
        f"{case.detector}/{case.label} expects {label}, which the taxonomy does not have."
        for case in cases
        for label in case.expected
        if label not in labels
    ]
    twice = [case for case, count in Counter(case.key for case in cases).items() if count > 1]
    return problems + [f"{detector}/{label} is there twice." for detector, _, label in twice]


def count_problems(counts: Mapping[str, int], possible: Mapping[str, int], wanted: int) -> list[str]:
    """Detectors with fewer cases than wanted, although their vocabulary and spellings would give them.

    Args:
        counts: cases by detector.
        possible: by every detector of the catalogue, how many could be had.
        wanted: least number of cases of a detector that can give so many.
    """
    return [
        f"{detector} has {counts.get(detector, 0)} cases of {min(wanted, most)}; run `make golden` and review them."
        for detector, most in sorted(possible.items())
        if counts.get(detector, 0) < min(wanted, most)
    ]


@dg.asset_check(asset=GOLDEN_SET, name="valid", blocking=True)
@or_fails
def valid(sources: Sources) -> dg.AssetCheckResult:
    """Every line is a case, no case is there twice, and every expected label is in the taxonomy."""
    from mapper_assets.training.golden import read

    cases = read(sources.golden)
    return found(case_problems(cases, load(sources.path).taxonomy.names), {"cases": len(cases)})


@dg.asset_check(asset=GOLDEN_SET, name="cases_per_detector", blocking=True)
@or_fails
def cases_per_detector(sources: Sources, thresholds: Thresholds) -> dg.AssetCheckResult:
    """At least 100 cases of every detector; fewer only where its vocabulary and spellings give no more."""
    from mapper_assets.training.golden import generate, read, reviewed
    from mapper_assets.training.splits import plan

    cases, wanted = read(sources.golden), thresholds.gates.golden_cases_per_detector
    catalog = reviewed(load(sources.path), cases)
    counts = Counter(case.detector for case in cases)
    possible = {detector.name: 0 for detector in catalog.detectors}
    possible |= Counter(case.detector for case in generate(catalog, plan(catalog)))
    excused = [f"{name} {counts[name]}" for name, most in sorted(possible.items()) if most < wanted]
    return found(count_problems(counts, possible, wanted), {"fewer_possible": ", ".join(excused) or "none"})


@dg.asset_check(asset=GOLDEN_SET, name="up_to_date")
@or_fails
def up_to_date(sources: Sources) -> dg.AssetCheckResult:
    """The cases are those the catalogue gives now. Not blocking: a new mapping may serve before it is reviewed here."""
    from mapper_assets.training.golden import files, generate
    from mapper_assets.training.splits import plan

    catalog = load(sources.path)
    wanted = files(generate(catalog, plan(catalog)))
    present = {file.name: file.read_text() for file in sources.golden.glob("*.jsonl")}
    stale = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
    problems = [f"{name} differs from the catalogue; run `make golden` and review it." for name in stale]
    return found(problems, severity=dg.AssetCheckSeverity.WARN)


@dg.asset_check(asset=GOLDEN_SET, name="category_coverage", blocking=True)
@or_fails
def category_coverage(sources: Sources, thresholds: Thresholds) -> dg.AssetCheckResult:
    """The cases expect labels of at least 80 % of the taxonomy's categories."""
    from mapper_assets.training.golden import read

    categories = load(sources.path).taxonomy.categories
    covered = {label.split(".", 1)[0] for case in read(sources.golden) for label in case.expected}
    missing = [category for category in categories if category not in covered]
    share, wanted = 1 - len(missing) / len(categories), thresholds.gates.category_coverage
    problems = [f"No case expects {', '.join(missing)}."] if share < wanted else []
    return found(problems, {"share": share, "threshold": wanted})


CHECKS = [valid, cases_per_detector, category_coverage, up_to_date]
