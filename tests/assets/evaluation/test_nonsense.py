import pytest
from small_world import EMAIL, TableScorer

from mapper_assets.evaluation.nonsense import MOST, Nonsense, held, invent, refusals
from mapper_assets.evaluation.trust import Calibration, calibrate
from mapper_assets.training import synthetic
from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust
from mapper_domain.text import normalise

PLAIN = Calibration(calibrate([]).fit, {})


def test_nothing_is_asked_that_was_trained_on() -> None:
    trained = {normalise(text) for text in synthetic.unmappable(5)}
    assert not trained & {normalise(n.label) for n in invent(5, 10_000)}


@pytest.mark.parametrize(("calls", "count"), [(0, 0), (9, 0), (150, 15), (10_000, MOST)])
def test_nonsense_takes_a_tenth_of_the_calls_at_most(calls: int, count: int) -> None:
    assert len(invent(5, calls)) == count


@pytest.mark.parametrize(("label", "sure", "refused"), [("xqzt", 0.9, 1), ("mail-xqzt", 0.9, 0), ("mail-xqzt", 0.5, 1)])
def test_a_mapper_refuses_by_saying_unknown_or_by_not_being_sure(
    label: str, sure: float, refused: int, known: Catalog, world_labels: list[str]
) -> None:
    asked = Nonsense(detector="invented", label=label)
    logprobs = {asked.question: TableScorer(world_labels, {"mail": EMAIL}, sure).score([asked.question])[0]}
    found = refusals([asked], known, logprobs, PLAIN, Trust())
    assert (found.asked, found.refused) == (1, refused)


def test_unknown_is_the_right_answer_in_calibration(world_labels: list[str]) -> None:
    asked = Nonsense(detector="invented", label="xqzt")
    logprobs = {asked.question: TableScorer(world_labels, {}).score([asked.question])[0]}
    (found,) = held([asked], logprobs)
    assert found.judged.accepted == ("OTHER.Unknown",)
