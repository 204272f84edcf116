"""A copy of the reviewed files and an instance, as the sensors see them."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest
from small_lexicon import write_lexicon

from mapper_assets.assets import config
from mapper_assets.checks.config import CHECKS
from mapper_assets.resources import Sources

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def root(tmp_path) -> Path:
    """Real taxonomy and frameworks, one detector and its golden cases; a test may edit them."""
    for folder in ("taxonomy", "frameworks"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder, ignore=shutil.ignore_patterns("lexicon"))
    write_lexicon(tmp_path)
    for folder, file in (("detectors", "deberta-toxicity.yaml"), ("tests/golden", "deberta-toxicity.jsonl")):
        (tmp_path / folder).mkdir(parents=True)
        shutil.copy2(REPOSITORY / folder / file, tmp_path / folder)
    return tmp_path


@pytest.fixture
def run_config(instance, root):
    """Runs config assets with their checks as a requested run would, tags included; returns whether it succeeded."""

    def run(keys, tags: Mapping[str, str] | None = None) -> bool:
        assets = [config.taxonomy, config.detectors, config.lexicon, config.frameworks, config.golden_set]
        result = dg.materialize(
            [*assets, *CHECKS],
            selection=dg.AssetSelection.assets(*keys),
            instance=instance,
            resources={"sources": Sources(root=str(root))},
            tags=dict(tags or {}),
            raise_on_error=False,
        )
        return result.success

    return run


@pytest.fixture
def earlier_run(instance):
    """Records a run of this status and these tags that materialised nothing, as a crash or a busy machine leaves it."""

    def record(status: dg.DagsterRunStatus, tags: Mapping[str, str]) -> None:
        @dg.job
        def nothing():
            pass

        instance.create_run_for_job(nothing, status=status, tags=dict(tags))

    return record
