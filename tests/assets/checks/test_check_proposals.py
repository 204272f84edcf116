"""The check reads what was written back as the catalogue would; a file spoilt since then fails it."""

import shutil
from pathlib import Path

import dagster as dg
import pytest

from mapper_assets.assets.proposals import PROPOSED_MAPPINGS, RELEASE
from mapper_assets.build import build_defs
from mapper_assets.settings import Settings
from mapper_domain.proposal_yaml import render
from mapper_domain.proposals import Proposal, Suggestion

REPOSITORY = Path(__file__).parents[3]
ID = "0123456789abcdef"
LABEL = Suggestion(label="zorb", taxonomy=("PII.Contact.Email",), confidence=0.9, answer=("PII.Contact.Email",))


@pytest.fixture
def folder(tmp_path) -> Path:
    """Proposals of one detector, beside the release that made them."""
    for name in ("taxonomy", "detectors", "frameworks"):
        shutil.copytree(REPOSITORY / name, tmp_path / "releases" / ID / "catalog" / name)
    proposal = Proposal(detector="acme", sent_as="acme", release=ID, exists=False, labels=(LABEL,))
    folder = tmp_path / "proposals"
    folder.mkdir()
    (folder / "acme.yaml").write_text(render(proposal))
    return folder


@pytest.fixture
def check(tmp_path):
    """Runs the check alone."""
    job = dg.define_asset_job("checked", selection=dg.AssetSelection.checks_for_assets(PROPOSED_MAPPINGS))
    defs = dg.Definitions.merge(build_defs(Settings(artifacts=tmp_path)), dg.Definitions(jobs=[job]))

    def run(*, made: bool = True) -> dg.AssetCheckEvaluation:
        with dg.DagsterInstance.ephemeral() as instance:
            if made:
                instance.report_runless_asset_event(dg.AssetMaterialization(PROPOSED_MAPPINGS, metadata={RELEASE: ID}))
            result = defs.resolve_job_def("checked").execute_in_process(instance=instance)
            (evaluation,) = result.get_asset_check_evaluations()
            return evaluation

    return run


def test_files_the_catalogue_can_read_pass(check, folder) -> None:
    found = check()
    assert found.passed
    assert found.metadata["files"].value == 1


@pytest.mark.parametrize("spoilt", ["zorb: PII.Nothing", "zorb: [", "zorb:"])
def test_a_spoilt_file_fails(check, folder, spoilt) -> None:
    path = folder / "acme.yaml"
    path.write_text(path.read_text().replace("zorb: PII.Contact.Email", spoilt))
    assert not check().passed


def test_before_anything_was_proposed_the_check_fails_and_says_so(check) -> None:
    found = check(made=False)
    assert not found.passed
    assert "materialise them first" in found.description
