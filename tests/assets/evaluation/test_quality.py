"""The verdict of `make bench-quality`: worse than a rival anywhere on unseen detectors is a failure."""

import pytest
from small_world import TableRetriever, TableScorer

from mapper_assets.evaluation.evaluate import evaluate
from mapper_assets.evaluation.exam import Exam
from mapper_assets.evaluation.folds.scores import FoldScores, Standing
from mapper_assets.evaluation.quality import Measured, report_lines, shortcomings
from mapper_assets.evaluation.rivals import Lookup, Rival
from mapper_assets.evaluation.scores import RIVALS, Inputs, Scores
from mapper_domain.resampling import Interval
from mapper_domain.scoring import Difference


@pytest.fixture
def golden(exam: Exam, scorer: TableScorer, retriever: TableRetriever, inputs: Inputs) -> Scores:
    rivals: dict[str, Rival] = {name: Lookup([]) for name in RIVALS}
    return evaluate(exam, scorer, retriever, rivals, inputs=inputs, calls=100, log=[].append).scores


def with_mapper_at(crossed: FoldScores, way: str, fold_mean: float) -> FoldScores:
    """The same cross-validation, had the mapper reached that mean in one way of asking."""

    def moved(name: str, standing: Standing) -> Standing:
        return standing.model_copy(update={"fold_mean": fold_mean if name == "mapper" else 0.5})

    strict = crossed.settings["strict"]
    standings = {
        w: {n: moved(n, s) if w == way else s.model_copy(update={"fold_mean": 0.5}) for n, s in by.items()}
        for w, by in strict.standings.items()
    }
    return crossed.model_copy(update={"settings": {"strict": strict.model_copy(update={"standings": standings})}})


@pytest.mark.parametrize("way", ["label", "described", "vocabulary"])
@pytest.mark.parametrize(("mean", "worse"), [(0.5, False), (0.51, False), (0.499, True)])
def test_a_rival_that_is_better_on_the_folds_is_named(
    way: str, mean: float, worse: bool, crossed: FoldScores, golden: Scores
) -> None:
    found = shortcomings(with_mapper_at(crossed, way, mean), golden)
    assert bool(found) is worse
    assert all(way in line and "0.499 is below 0.500" in line for line in found)


def test_a_rival_that_is_better_on_the_golden_set_is_named(crossed: FoldScores, golden: Scores) -> None:
    lost = Difference(f1=-0.02, interval=Interval(low=-0.05, high=0.01), cases=40)
    gains = {"unseen_detector": {**golden.gains["unseen_detector"], "char_regression": lost}}
    (found,) = shortcomings(with_mapper_at(crossed, "label", 0.9), golden.model_copy(update={"gains": gains}))
    assert "Golden set: -0.020. Against char n-gram logistic regression" in found


def test_the_whole_page_has_both_evaluations_every_gate_the_time_and_the_tolerance(
    crossed: FoldScores, golden: Scores
) -> None:
    page = "\n".join(
        report_lines(Measured(crossed, "# Folds", golden, "# Golden", {"adapter": 900.4, "total": 1200.0}))
    )
    for part in ("# Folds", "# Golden", "gain_over_rivals", "- adapter: 900 s", "- total: 1200 s", "within 0.005"):
        assert part in page
