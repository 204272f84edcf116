"""Checks of proposed mappings: whoever takes a file for review gets one the catalogue can read."""

import dagster as dg

from mapper_assets.assets.proposals import PROPOSED_MAPPINGS, RELEASE
from mapper_assets.checks.results import found, or_fails
from mapper_assets.proposing.write import problems
from mapper_assets.provenance import NotMaterialised, recorded
from mapper_assets.resources import Artifacts
from mapper_domain.catalog import load


@dg.asset_check(asset=PROPOSED_MAPPINGS, name="files_load")
@or_fails
def files_load(context: dg.AssetCheckExecutionContext, artifacts: Artifacts) -> dg.AssetCheckResult:
    """Every file is a detector file, as it is and with all suggestions accepted; one that maps nothing yet, only so."""
    release = recorded(context.instance, PROPOSED_MAPPINGS).get(RELEASE)
    if not isinstance(release, str):
        raise NotMaterialised("There are no proposed mappings; materialise them first.")
    layout = artifacts.layout
    files = len(list(layout.proposals.rglob("*.yaml")))
    taxonomy = load(layout.releases / release / "catalog").taxonomy
    return found(problems(layout.proposals, taxonomy), {"files": files})


CHECKS = [files_load]
