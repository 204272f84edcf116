"""The asset, run as Dagster runs it: events in, files for review out, and a check that reads them back."""

import dagster as dg
import pytest

from mapper_assets.assets.proposals import PROPOSED_MAPPINGS
from mapper_assets.build import build_defs
from mapper_assets.settings import Settings


@pytest.fixture
def run(tmp_path):
    """Materialises the asset with its check over an empty installation."""
    defs = build_defs(Settings(artifacts=tmp_path))
    job = dg.define_asset_job("proposals", selection=dg.AssetSelection.assets(PROPOSED_MAPPINGS))
    resolved = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("proposals")
    with dg.DagsterInstance.ephemeral() as instance:
        yield lambda: resolved.execute_in_process(instance=instance, raise_on_error=False)


def test_without_a_release_the_run_fails_and_writes_nothing(run, tmp_path) -> None:
    assert not run().success
    assert not (tmp_path / "proposals").exists()
