"""What an adapter is examined on: the golden set, and the catalogue with everything held out of training forgotten."""

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from jsonschema import Draft202012Validator

from mapper_assets.evaluation.scores import GoldenSet
from mapper_assets.evaluation.validity import published_schema
from mapper_assets.training import golden
from mapper_assets.training.golden import GoldenCase, GoldenError
from mapper_assets.training.splits import SplitPlan, folds
from mapper_domain.catalog import Catalog


class Exam(NamedTuple):
    """What is evaluated on.

    Attributes:
        catalog: the whole catalogue, which serving will know.
        known: the same without held-out detectors and unseen labels, which is all the mapper knows here.
        held_out: names of the held-out detectors.
        folds: kin groups of detectors, for judging rules on forgotten detectors.
        cases: the golden cases.
        golden: what they cover.
        schema: of the canonical event.
    """

    catalog: Catalog
    known: Catalog
    held_out: Collection[str]
    folds: Sequence[Collection[str]]
    cases: Sequence[GoldenCase]
    golden: GoldenSet
    schema: Draft202012Validator


def prepare(root: Path, catalog: Catalog, plan: SplitPlan) -> Exam:
    """The exam of a catalogue and a split.

    Raises:
        GoldenError: when the golden set is missing, unreadable, or made for another split.
        SchemaMissing: when the event schema is missing.
    """
    cases = golden.read(root / golden.FOLDER)
    possible = Counter(case.detector for case in golden.generate(golden.reviewed(catalog, cases), plan))
    _same_split(cases, plan)
    return Exam(
        catalog=catalog,
        known=forget(catalog, plan),
        held_out=plan.held_out,
        folds=[folds().detectors(name) & catalog.by_name.keys() for name in sorted(folds().folds)],
        cases=cases,
        golden=golden_set(cases, catalog, {n: c for n, c in possible.items() if c < golden.CASES_PER_DETECTOR}),
        schema=published_schema(root),
    )


def forget(catalog: Catalog, plan: SplitPlan) -> Catalog:
    """The catalogue without held-out detectors, and without the unseen labels of the others."""
    unseen = frozenset(plan.unseen_labels)
    return catalog.model_copy(
        update={
            "detectors": tuple(
                detector.model_copy(
                    update={"maps": tuple(m for m in detector.maps if (detector.name, m.label) not in unseen)}
                )
                for detector in catalog.without(plan.held_out).detectors
            )
        }
    )


def golden_set(cases: Sequence[GoldenCase], catalog: Catalog, possible: dict[str, int]) -> GoldenSet:
    """What the golden set consists of; a detector without cases counts as having none.

    Args:
        possible: how many cases a detector's vocabulary can give, where that is less than is asked for.
    """
    counts = Counter(case.detector for case in cases)
    covered = {label.split(".", 1)[0] for case in cases for label in case.expected}
    categories = catalog.taxonomy.categories
    return GoldenSet(
        sha256=hashlib.sha256("\n".join(case.model_dump_json() for case in cases).encode()).hexdigest(),
        by_detector={detector.name: counts[detector.name] for detector in catalog.detectors},
        possible=dict(sorted(possible.items())),
        gated=sum(case.gated for case in cases),
        categories=len(covered.intersection(categories)) / len(categories),
        missing_categories=tuple(name for name in categories if name not in covered),
    )


def _same_split(cases: Sequence[GoldenCase], plan: SplitPlan) -> None:
    """Refuse golden cases whose detectors are held out in one of the two and not in the other."""
    golden_held = {case.detector for case in cases if case.split == "unseen_detector"}
    if differing := sorted(golden_held ^ set(plan.held_out)):
        raise GoldenError(
            f"The golden set was made for another split: {', '.join(differing)} are held out in one of the two only. "
            "Regenerate it: python -m mapper_assets.training.golden --write"
        )
