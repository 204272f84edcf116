"""One added mapping must not make a reviewed golden set too small; a detector nobody reviewed must."""

from pathlib import Path

import pytest

from mapper_assets.training.golden import generate, read, reviewed
from mapper_assets.training.splits import plan
from mapper_domain.catalog import load
from mapper_domain.detectors import LabelMapping

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def catalog():
    return load(REPOSITORY)


@pytest.fixture(scope="module")
def cases():
    return read(REPOSITORY / "tests" / "golden")


def possible(catalog, detector):
    return sum(case.detector == detector for case in generate(catalog, plan(catalog)))


def having(catalog, detector, label):
    added = LabelMapping(label=label, taxonomy=("HARM.SPEECH.Insult",))
    changed = tuple(
        d.model_copy(update={"maps": (*d.maps, added)}) if d.name == detector else d for d in catalog.detectors
    )
    return catalog.model_copy(update={"detectors": changed})


def test_the_shipped_catalogue_is_reviewed_as_it_is(catalog, cases):
    assert reviewed(catalog, cases) == catalog


def test_a_label_added_to_a_small_vocabulary_asks_for_no_more_cases(catalog, cases):
    edited = having(catalog, "deberta-toxicity", "very_rude")
    assert possible(edited, "deberta-toxicity") > possible(catalog, "deberta-toxicity")
    assert possible(reviewed(edited, cases), "deberta-toxicity") == possible(catalog, "deberta-toxicity")


def test_a_detector_without_any_case_is_asked_for_all_it_can_give(catalog, cases):
    without = [case for case in cases if case.detector != "wildguard"]
    assert possible(reviewed(catalog, without), "wildguard") == possible(catalog, "wildguard")
