from pathlib import Path

import pytest
from small_world import EMAIL, spread

from mapper_assets.evaluation.nonsense import COUNT, Nonsense, everyday, held, invent, refusals
from mapper_assets.evaluation.trust import Calibration, Limits, calibrate
from mapper_assets.training import synthetic
from mapper_assets.training.lessons import NONSENSE_LESSONS, lessons
from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust
from mapper_domain.lexicon import load as load_lexicon
from mapper_domain.text import normalise

ROOT = Path(__file__).parents[3]
PLAIN: Calibration = calibrate([])


def test_nothing_is_asked_that_was_trained_on() -> None:
    trained = {normalise(text) for text in synthetic.unmappable(5, NONSENSE_LESSONS)}
    assert not trained & {normalise(n.label) for n in invent(5)}


def test_there_are_enough_of_them_and_none_twice() -> None:
    assert len({n.label for n in invent(5)}) == len(invent(5)) == COUNT


@pytest.mark.parametrize(
    ("best", "sure", "refused"), [("OTHER.Unknown", 0.9, 1), (EMAIL, 0.9, 0), (EMAIL, 0.5, 1), ("OTHER.Safe", 0.8, 1)]
)
def test_a_mapper_refuses_by_saying_unknown_or_by_not_being_sure(
    best: str, sure: float, refused: int, known: Catalog, world_labels: list[str]
) -> None:
    asked = Nonsense(detector="invented", label="xqzt")
    opinions = {asked.question.instruction: {"retriever": spread(world_labels, best, sure)}}
    found = refusals([asked], known, opinions, PLAIN._replace(limits=Limits(safe=0.85)), Trust())
    assert (found.asked, found.refused) == (1, refused)


def test_unknown_is_the_right_answer_in_calibration(world_labels: list[str]) -> None:
    asked = Nonsense(detector="invented", label="xqzt")
    (found,) = held([asked], {asked.question.instruction: {"adapter": spread(world_labels, EMAIL)}})
    assert found.judged.accepted == ("OTHER.Unknown",)


def test_everyday_words_were_taught_to_nobody(catalog: Catalog) -> None:
    lexicon = load_lexicon(ROOT, catalog.taxonomy, catalog.detectors)
    learnt = {normalise(lesson.text) for lesson in lessons(catalog, lexicon, 2026)}
    assert not learnt & {normalise(n.label) for n in everyday(2026)}
