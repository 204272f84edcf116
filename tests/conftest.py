"""What all tests share: the catalogue, the real small base model, an adapter trained for a few steps, a retriever.

The base model (half a minute) and the adapter (a quarter) are kept under `artifacts/` between runs; their
folders are checked against their hashes before they are used again.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgres_server import PostgresServer, postgres_server
from seaweed_server import SeaweedServer, seaweed_server
from vllm_world import VllmWorld, vllm_world

from mapper_assets.training import dataset, golden
from mapper_assets.training.lessons import lessons
from mapper_assets.training.prepare_base import DEFAULT_BASE, prepare, read_source
from mapper_assets.training.profiles import BASES
from mapper_assets.training.reuse import trained_before
from mapper_assets.training.session import Lines
from mapper_assets.training.splits import plan
from mapper_assets.training.train_lora import TrainLora, train
from mapper_assets.training.train_retriever import fit
from mapper_assets.training.tunable import TunableClassifier
from mapper_domain import lexicon as lexicons
from mapper_domain.catalog import Catalog, load
from mapper_domain.layout import Layout
from mapper_domain.lexicon import Lexicon
from mapper_model.sentences import SentenceClassifier

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The shipped catalogue."""
    return load(REPOSITORY)


@pytest.fixture(scope="session")
def lexicon(catalog: Catalog) -> Lexicon:
    """The shipped lexicon."""
    return lexicons.load(REPOSITORY, catalog.taxonomy, catalog.detectors)


@pytest.fixture(scope="session")
def base_model() -> Path:
    """Folder of the real small base model."""
    layout = Layout(REPOSITORY / "artifacts")
    prepare(BASES[DEFAULT_BASE], layout, log=print)
    return layout.base_model(DEFAULT_BASE)


@pytest.fixture(scope="session")
def tiny_adapter(base_model: Path, catalog: Catalog, lexicon: Lexicon) -> Path:
    """Folder of an adapter trained with the tiny budget on the shipped dataset: real, and far from good."""
    layout = Layout(base_model.parents[1])
    split = plan(catalog)
    rows = dataset.build(catalog, lexicon, split, golden.generate(catalog, split), profile="tiny")
    sha256, _ = dataset.write(rows, layout)
    wanted = TrainLora(artifacts=layout.root, dataset=sha256, profile="tiny", seed=1, threads=1)
    source = read_source(base_model)
    assert source is not None
    made = trained_before(wanted, source.sha256) or train(wanted, Lines())
    return layout.adapter(made.adapter_sha256)


@pytest.fixture(scope="session")
def tiny_retriever(tmp_path_factory: pytest.TempPathFactory, catalog: Catalog, lexicon: Lexicon) -> Path:
    """Folder of a retriever over all labels that learnt their names and aliases only: real, and far from good."""
    learnt = [lesson for lesson in lessons(catalog, lexicon, 1) if lesson.source == "taxonomy"]
    labels = [label.name for label in catalog.taxonomy.labels]
    folder = tmp_path_factory.mktemp("retriever")
    untaught = SentenceClassifier(TunableClassifier(len(labels)).tensors(), len(labels))
    fit(learnt, labels, untaught, seed=1, threads=1).save(folder)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server; ask it for a database of your own."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def seaweed() -> Iterator[SeaweedServer]:
    """A real object store; ask it for a bucket of your own."""
    with seaweed_server() as server:
        yield server


@pytest.fixture(scope="session")
def vllm(
    tmp_path_factory: pytest.TempPathFactory,
    base_model: Path,
    tiny_adapter: Path,
    tiny_retriever: Path,
    catalog: Catalog,
) -> Iterator[VllmWorld]:
    """A real vLLM server, started when the first engine is opened, with two adapters it can serve."""
    with vllm_world(tmp_path_factory.mktemp("vllm"), base_model, tiny_adapter, tiny_retriever, catalog) as world:
        world.hold()
        yield world
