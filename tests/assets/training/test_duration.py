"""How long a retrain took is added up from what was recorded."""

import pytest

from mapper_assets.training import dataset
from mapper_assets.training.duration import retrain_seconds
from mapper_assets.training.train_retriever import RetrieverError

DATASET = "d" * 64


@pytest.fixture
def made(layout, evaluated, retrieved):
    """Hashes of a recorded dataset (1.5 s), adapter (1 s) and retriever (2.5 s)."""
    dataset.write((), layout)
    dataset.note(dataset.Made(sha256=DATASET, profile="tiny", seed=7, rows=0, seconds=1.5), layout)
    evaluated()
    (adapter,) = layout.root.glob("adapters/*")
    return {"dataset": DATASET, "retriever": retrieved(), "adapter": adapter.name}


def test_the_steps_add_up(layout, made):
    found = retrain_seconds(layout, **made, evaluation=10.0)
    assert found == {"dataset": 1.5, "retriever": 2.5, "adapter": 1.0, "evaluation": 10.0, "total": 15.0}


def test_a_step_without_a_record_is_named(layout, made):
    with pytest.raises(RetrieverError, match="materialise training/retriever"):
        retrain_seconds(layout, **{**made, "retriever": "0" * 64}, evaluation=10.0)
