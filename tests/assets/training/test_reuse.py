"""An adapter is used again only for exactly the recipe that made it, and only if it is intact."""

import pytest

from mapper_assets.training.profiles import BUDGETS
from mapper_assets.training.reuse import WEIGHTS, trained_before
from mapper_assets.training.train_lora import RECORD, TrainLora, read_record

BASE_SHA = "b" * 64


@pytest.fixture
def adapter(layout, evaluated):
    """The folder of a stored adapter of dataset d…, base b…, budget tiny and seed 7."""
    evaluated()
    (folder,) = layout.root.glob("adapters/*")
    return folder


@pytest.fixture
def recipe(layout):
    return TrainLora(artifacts=layout.root, dataset="d" * 64, profile="tiny", seed=7)


def test_the_same_recipe_finds_its_adapter(adapter, recipe):
    assert trained_before(recipe, BASE_SHA) == read_record(adapter)


@pytest.mark.parametrize(
    "change", [{"dataset": "e" * 64}, {"profile": "default"}, {"seed": 8}, {"base": "llama-3-8b-instruct"}], ids=str
)
def test_another_recipe_does_not(adapter, recipe, change):
    assert trained_before(recipe.model_copy(update=change), BASE_SHA) is None


def test_another_base_model_does_not(adapter, recipe):
    assert trained_before(recipe, "c" * 64) is None


def test_a_profile_whose_steps_were_changed_since_does_not(adapter, recipe):
    made = read_record(adapter)
    longer = BUDGETS["tiny"].model_copy(update={"steps": 99})
    (adapter / RECORD).write_text(made.model_copy(update={"budget": longer}).model_dump_json())
    assert trained_before(recipe, BASE_SHA) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / WEIGHTS).write_bytes(b"altered"),
        lambda folder: (folder / WEIGHTS).unlink(),
        lambda folder: (folder / RECORD).write_text("{"),
        lambda folder: (folder / RECORD).unlink(),
    ],
    ids=["altered weights", "no weights", "damaged record", "no record"],
)
def test_a_damaged_adapter_is_trained_again(adapter, recipe, damage):
    damage(adapter)
    assert trained_before(recipe, BASE_SHA) is None


def test_without_any_adapter_there_is_none(recipe):
    assert trained_before(recipe, BASE_SHA) is None
