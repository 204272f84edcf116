"""Checks of the training file, read back from the disk. What each looks for is a plain function over rows."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import ValidationError

from mapper_assets.assets.training import DATASET
from mapper_assets.checks.results import found, or_fails
from mapper_assets.provenance import existing, recorded_sha256
from mapper_assets.resources import Artifacts, Recipe, Sources
from mapper_domain import prompt
from mapper_domain.catalog import load
from mapper_domain.release import sha256_file, sha256_text

if TYPE_CHECKING:
    from mapper_assets.training.dataset import Example
    from mapper_assets.training.golden import GoldenCase

LARGEST_SHARE = 0.10
"""Most rows one label may have; above it the model learns to say that label."""


def row_problems(lines: Iterable[str]) -> list[str]:
    """Lines that are not an instruction and an answer in the format the model is to give."""
    from mapper_assets.training.dataset import Example

    problems = []
    for number, line in enumerate(lines, start=1):
        try:
            row = Example.model_validate_json(line)
            labels = json.loads(row.response)["taxonomy"]
            well_formed = bool(labels) and row.response == prompt.answer(labels)
        except (ValidationError, ValueError, KeyError, TypeError):
            well_formed = False
        if not well_formed:
            problems.append(f"Line {number} is not an instruction and an answer.")
    return problems


def label_problems(rows: Iterable["Example"], names: Collection[str]) -> list[str]:
    """Labels in answers that the taxonomy does not have, and labels of the taxonomy no row teaches."""
    used = Counter(label for row in rows for label in json.loads(row.response)["taxonomy"])
    unknown = [
        f"{label} is not in the taxonomy, but in {used[label]} answers." for label in sorted(set(used) - {*names})
    ]
    return unknown + [f"No row teaches {label}." for label in sorted({*names} - set(used))]


def balance_problems(rows: Sequence["Example"], most: float = LARGEST_SHARE) -> list[str]:
    """Labels with more than their share of the rows."""
    counts = Counter(json.loads(row.response)["taxonomy"][0] for row in rows)
    return [
        f"{label} has {count} of {len(rows)} rows, more than {most:.0%}."
        for label, count in counts.most_common()
        if count > most * len(rows)
    ]


def leak_problems(
    rows: Iterable["Example"], cases: Iterable["GoldenCase"], kinds: Collection[str], held_out: Iterable[str]
) -> list[str]:
    """Golden cases the training file answers, whatever kind or meaning was added, and held-out detectors it names."""
    held = tuple(held_out)
    trained = {row.instruction.split(", Meaning: ", 1)[0] for row in rows}
    problems = [
        f"{case.detector}/{case.label} is a golden case and a training row."
        for case in cases
        if any(
            prompt.instruction(case.detector, case.label, kind=kind, field=case.field) in trained
            for kind in {"", case.kind, *kinds}
        )
    ]
    starts = {name: prompt.instruction(name, "").split(", Output:", 1)[0] for name in held}
    return problems + [
        f"{name} is held out and in a training row."
        for name, start in starts.items()
        if any(question == start or question.startswith((f"{start},", f"{start} (")) for question in trained)
    ]


def _rows(context: dg.AssetCheckExecutionContext, artifacts: Artifacts) -> "list[Example]":
    from mapper_assets.training.dataset import Example

    path = existing(artifacts.layout.dataset(recorded_sha256(context.instance, DATASET)), DATASET)
    return [Example.model_validate_json(line) for line in path.read_text().splitlines()]


@dg.asset_check(asset=DATASET, blocking=True)
@or_fails
def responses_valid(context: dg.AssetCheckExecutionContext, artifacts: Artifacts) -> dg.AssetCheckResult:
    """Every line is an instruction and an answer in exactly the format the model is to give."""
    path = existing(artifacts.layout.dataset(recorded_sha256(context.instance, DATASET)), DATASET)
    lines = path.read_text().splitlines()
    return found(row_problems(lines), {"rows": len(lines)})


@dg.asset_check(asset=DATASET, blocking=True)
@or_fails
def labels_in_taxonomy(
    context: dg.AssetCheckExecutionContext, artifacts: Artifacts, sources: Sources
) -> dg.AssetCheckResult:
    """Every label in an answer is in the taxonomy, and every label of the taxonomy is taught."""
    names = load(sources.path).taxonomy.names
    return found(label_problems(_rows(context, artifacts), names), {"labels": len(names)})


@dg.asset_check(asset=DATASET, blocking=True)
@or_fails
def balanced(context: dg.AssetCheckExecutionContext, artifacts: Artifacts) -> dg.AssetCheckResult:
    """No label has more than a tenth of the rows."""
    return found(balance_problems(_rows(context, artifacts)), {"threshold": LARGEST_SHARE})


@dg.asset_check(asset=DATASET, blocking=True)
@or_fails
def no_golden_leak(
    context: dg.AssetCheckExecutionContext, artifacts: Artifacts, sources: Sources
) -> dg.AssetCheckResult:
    """No golden case and no held-out detector is in a training row."""
    from mapper_assets.training.golden import read
    from mapper_assets.training.splits import plan

    catalog, cases = load(sources.path), read(sources.golden)
    kinds = {detector.kind for detector in catalog.detectors}
    problems = leak_problems(_rows(context, artifacts), cases, kinds, plan(catalog).held_out)
    return found(problems, {"golden_cases": len(cases)})


@dg.asset_check(asset=DATASET, blocking=True)
@or_fails
def reproducible(
    context: dg.AssetCheckExecutionContext, artifacts: Artifacts, sources: Sources, recipe: Recipe
) -> dg.AssetCheckResult:
    """The file has its recorded SHA-256, and building it again from the catalogue gives the same bytes."""
    from mapper_assets.training import dataset as data

    recorded = recorded_sha256(context.instance, DATASET)
    problems = []
    if sha256_file(existing(artifacts.layout.dataset(recorded), DATASET)) != recorded:
        problems.append("The file was altered after it was written.")
    rows = data.rebuild(sources.path, sources.golden, recipe.profile, recipe.seed)
    again = sha256_text(data.text(rows))
    if again != recorded:
        problems.append(f"Building it again gave {again[:16]}, recorded is {recorded[:16]}.")
    return found(problems, {"sha256": recorded})


CHECKS = [responses_valid, labels_in_taxonomy, balanced, no_golden_leak, reproducible]
