"""What all tests share: the catalogue, the real small base model and an adapter trained on it for a few steps.

The base model (half a minute) and the adapter (a quarter) are kept under `artifacts/` between runs; their
folders are checked against their hashes before they are used again.
"""

import os
from pathlib import Path

import pytest

from mapper_assets.training import dataset, golden
from mapper_assets.training.prepare_base import DEFAULT_BASE, prepare
from mapper_assets.training.profiles import BASES, BUDGETS
from mapper_assets.training.session import Lines
from mapper_assets.training.splits import plan
from mapper_assets.training.train_lora import TrainingError, TrainLora, read_record, train
from mapper_domain.catalog import Catalog, load
from mapper_domain.layout import Layout
from mapper_domain.prompt import PROMPT_VERSION
from mapper_domain.release import sha256_file

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The shipped catalogue."""
    return load(REPOSITORY)


@pytest.fixture(scope="session")
def base_model() -> Path:
    """Folder of the real small base model."""
    layout = Layout(REPOSITORY / "artifacts")
    prepare(BASES[DEFAULT_BASE], layout, log=print)
    return layout.base_model(DEFAULT_BASE)


@pytest.fixture(scope="session")
def tiny_adapter(base_model: Path, catalog: Catalog) -> Path:
    """Folder of an adapter trained with the tiny budget on the shipped dataset: real, and far from good."""
    layout = Layout(base_model.parents[1])
    split = plan(catalog)
    sha256, _ = dataset.write(dataset.build(catalog, split, golden.generate(catalog, split)), layout)
    wanted = TrainLora(artifacts=layout.root, dataset=sha256, profile="tiny", seed=1, threads=1)
    for folder in layout.adapter("x").parent.glob("*"):
        if _kept(folder, wanted):
            return folder
    return layout.adapter(train(wanted, Lines()).adapter_sha256)


def _kept(adapter: Path, wanted: TrainLora) -> bool:
    """Whether this folder holds, unaltered, what `wanted` would train again."""
    try:
        made = read_record(adapter)
    except TrainingError:
        return False
    same = (made.dataset_sha256, made.budget, made.base, made.seed, made.prompt_version) == (
        wanted.dataset,
        BUDGETS[wanted.profile],
        BASES[wanted.base],
        wanted.seed,
        PROMPT_VERSION,
    )
    return same and sha256_file(adapter / "adapter_model.safetensors") == adapter.name
