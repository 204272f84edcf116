"""What all tests share: the real small base model, converted once and kept, and an adapter trained for a few steps."""

import os
from pathlib import Path

import pytest

from mapper_assets.training.prepare_base import DEFAULT_BASE, prepare
from mapper_assets.training.profiles import BASES
from mapper_domain.layout import Layout

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def base_model() -> Path:
    """Folder of the real small base model; half a minute on the very first run, kept in `artifacts/` after it."""
    layout = Layout(REPOSITORY / "artifacts")
    prepare(BASES[DEFAULT_BASE], layout, log=print)
    return layout.base_model(DEFAULT_BASE)
