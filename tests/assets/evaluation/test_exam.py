from collections.abc import Sequence
from pathlib import Path

import pytest

from mapper_assets.evaluation.exam import forget, golden_set, prepare
from mapper_assets.training import golden, splits
from mapper_assets.training.golden import GoldenCase, GoldenError
from mapper_assets.training.splits import SplitPlan
from mapper_domain.catalog import Catalog
from mapper_domain.text import normalise

ROOT = Path(__file__).parents[3]


def test_held_out_detectors_and_unseen_labels_are_forgotten(world: Catalog, plan: SplitPlan) -> None:
    known = forget(world, plan)
    assert [d.name for d in known.detectors] == ["mail", "mixed", "talk"]
    assert known.detector("mail").find("FAX") is None
    assert known.detector("mail").find("EMAIL") is not None


def test_the_world_itself_is_not_changed(world: Catalog, plan: SplitPlan) -> None:
    forget(world, plan)
    assert world.detector("mail").find("FAX") is not None


def test_no_unseen_label_of_the_shipped_catalogue_is_left_in_any_spelling(catalog: Catalog) -> None:
    split = plan_of(catalog)
    known = forget(catalog, split)
    left = {(d.name, normalise(m.label)) for d in known.detectors for m in d.maps if not m.opaque and not m.ambiguous}
    assert split.unseen_labels
    assert not [pair for pair in split.unseen_labels if (pair[0], normalise(pair[1])) in left]


def test_a_detector_without_cases_is_counted_as_having_none(world: Catalog, cases: Sequence[GoldenCase]) -> None:
    found = golden_set([c for c in cases if c.detector != "talk"], world, {})
    assert found.by_detector == {"mail": 5, "mixed": 2, "stranger": 5, "talk": 0}


def test_categories_nobody_expects_are_named(world: Catalog, cases: Sequence[GoldenCase]) -> None:
    found = golden_set([c for c in cases if c.detector == "mail"], world, {})
    assert (found.categories, found.missing_categories) == (pytest.approx(1 / 3), ("HARM", "OTHER"))


def test_the_shipped_exam_lists_what_small_vocabularies_can_give(catalog: Catalog) -> None:
    found = prepare(ROOT, catalog, plan_of(catalog)).golden
    assert found.possible
    assert {name: found.by_detector[name] for name in found.possible} == dict(found.possible)


def test_a_golden_set_made_for_another_split_is_refused(catalog: Catalog) -> None:
    other = plan_of(catalog).model_copy(update={"held_out": ("presidio",)})
    with pytest.raises(GoldenError, match=r"another split: .*presidio"):
        prepare(ROOT, catalog, other)


def test_a_missing_golden_set_names_the_command_that_makes_it(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(GoldenError, match=golden.__name__):
        prepare(tmp_path, catalog, plan_of(catalog))


def plan_of(catalog: Catalog) -> SplitPlan:
    return splits.plan(catalog)
