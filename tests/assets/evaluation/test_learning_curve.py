"""What more steps do for the adapter, and for both voices together."""

from pathlib import Path

import pytest
from small_world import EMAIL, PHONE, spread

from mapper_assets.evaluation.crossvalidate import folds_of
from mapper_assets.evaluation.folds.held import HeldLabel, held_labels
from mapper_assets.evaluation.folds.scores import OPINIONS, FoldScores
from mapper_assets.evaluation.folds.store import lexicon_sha256, packed, write
from mapper_assets.evaluation.learning_curve import LearningCurve, NothingToCompare, Point, lines, measure, scores
from mapper_assets.training import splits
from mapper_assets.training.session import Lines
from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout
from mapper_domain.lexicon import Lexicon

REPOSITORY = Path(__file__).parents[3]
NAMES = ("scanner", "filter")


def asked_of(labels: list[str], right: dict[str, str]) -> list[tuple[HeldLabel, dict[str, float]]]:
    """Sixty labels of two detectors, of which the retriever knows those of the first detector."""
    return [
        (
            HeldLabel(detector=name, label=f"{word} {number}", expected=(meaning,)),
            spread(labels, meaning if name == NAMES[0] else PHONE, 0.6),
        )
        for name in NAMES
        for word, meaning in right.items()
        for number in range(15)
    ]


def test_an_adapter_that_knows_what_the_retriever_does_not_makes_both_better(world_labels: list[str]) -> None:
    asked = asked_of(world_labels, {"mail": EMAIL, "letter": EMAIL})
    said = [spread(world_labels, EMAIL, 0.9) for _ in asked]
    adapter, both = scores(asked, said, seed=1)
    assert (adapter.f1, both.f1) == (1.0, 1.0)


def test_an_adapter_that_knows_nothing_takes_nothing_away(world_labels: list[str]) -> None:
    asked = asked_of(world_labels, {"mail": EMAIL, "call": PHONE})
    said = [spread(world_labels, world_labels[0], 1.001 / len(world_labels)) for _ in asked]
    adapter, both = scores(asked, said, seed=1)
    assert adapter.f1 < both.f1 == pytest.approx(0.75)


def test_the_table_has_a_row_for_every_stop_with_intervals(world_labels: list[str]) -> None:
    asked = asked_of(world_labels, {"mail": EMAIL, "call": PHONE})
    adapter, both = scores(asked, [retrieved for _, retrieved in asked], seed=1)
    table = lines(both, [Point(25, adapter, both), Point(50, adapter, both)], batch_size=8)
    assert [line.split(" | ")[:2] for line in table[2:]] == [["| 25", "200"], ["| 50", "400"]]
    assert all("0.750 (" in line for line in table[2:])


def test_stops_are_taken_once_and_in_order() -> None:
    assert LearningCurve(steps="50,25,50").stops == (25, 50)


def test_without_a_cross_validation_it_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NothingToCompare, match=r"mapper_assets\.evaluation\.crossvalidate"):
        measure(LearningCurve(root=REPOSITORY, artifacts=tmp_path), Lines())


@pytest.mark.slow
def test_a_real_training_is_asked_at_every_stop(
    tmp_path: Path, base_model: Path, catalog: Catalog, lexicon: Lexicon, crossed: FoldScores
) -> None:
    layout = Layout(tmp_path)
    layout.base_model("x").parent.mkdir(parents=True)
    layout.base_model(base_model.name).symlink_to(base_model)
    inputs = {"catalog_sha256": catalog.sha256, "lexicon_sha256": lexicon_sha256(lexicon)}
    ours = crossed.model_copy(update={"inputs": crossed.inputs.model_copy(update=inputs)})
    labels = [label.name for label in catalog.taxonomy.labels]
    fold = splits.folds().shipped
    said = [spread(labels, label.expected[0]) for label in held_labels(catalog, folds_of(catalog)[fold])]
    write(ours, {OPINIONS: packed({f"{fold}/label": said}, labels)}, layout)
    wanted = LearningCurve(root=REPOSITORY, artifacts=tmp_path, steps="1,2", labels=3, batch_size=2)
    retriever, points = measure(wanted, Lines())
    assert retriever.f1 == 1.0
    assert [point.steps for point in points] == [1, 2]
    assert all(point.adapter.cases == point.both.cases == retriever.cases >= 3 for point in points)
