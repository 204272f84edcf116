"""An adapter is complete, is the one it is named by, and was trained with a loss that fell."""

import math

import pytest

from mapper_assets.checks.adapter import ADAPTER_FILES, file_problems, loss_problems
from mapper_assets.training.train_lora import LossPoint
from mapper_domain.release import sha256_file


@pytest.fixture
def adapter(tmp_path):
    (tmp_path / "weights").write_bytes(b"weights")
    folder = tmp_path / sha256_file(tmp_path / "weights")
    folder.mkdir()
    for name in ADAPTER_FILES:
        (folder / name).write_bytes(b"weights")
    return folder


def curve(*losses):
    return [LossPoint(step=n, loss=loss, learning_rate=1e-3, seconds=n) for n, loss in enumerate(losses, start=1)]


def test_a_complete_adapter_passes(adapter):
    assert file_problems(adapter) == []


@pytest.mark.parametrize("name", ADAPTER_FILES)
def test_a_missing_file_is_named(adapter, name):
    (adapter / name).unlink()
    assert file_problems(adapter) == [f"{name} is missing."]


def test_weights_other_than_the_named_ones_are_found(adapter):
    (adapter / ADAPTER_FILES[0]).write_bytes(b"other")
    assert len(file_problems(adapter)) == 1


@pytest.mark.parametrize("losses", [(4.0, 2.0), (4.0, 3.0, 3.5, 1.0), (2.0, 2.0, 1.0)])
def test_a_loss_that_fell_passes(losses):
    assert loss_problems(curve(*losses)) == []


@pytest.mark.parametrize(
    "losses",
    [(), (4.0,), (2.0, 2.0), (2.0, 4.0), (4.0, math.nan), (math.inf, 1.0)],
    ids=["no curve", "one point", "flat", "rising", "not a number", "infinite"],
)
def test_a_loss_that_did_not_is_found(losses):
    assert len(loss_problems(curve(*losses))) == 1
