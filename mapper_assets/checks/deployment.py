"""Checks of the release that serves, read back from the disk as the service will read it."""

import dagster as dg

from mapper_assets.assets.deployment import DEPLOYED_MODEL_VERSION
from mapper_assets.checks.results import found, or_fails
from mapper_assets.deployment.pointer import agrees_with_log, promotions
from mapper_assets.resources import Artifacts
from mapper_domain.errors import ReleaseMissing
from mapper_domain.release import read_pointer, verify


@dg.asset_check(asset=DEPLOYED_MODEL_VERSION, blocking=True)
@or_fails
def pointer_matches_log(artifacts: Artifacts) -> dg.AssetCheckResult:
    """The pointer names the release the promotions log ends with."""
    releases = artifacts.layout.releases
    problem = "The pointer and the last line of the promotions log name different releases; promote again."
    return found([] if agrees_with_log(releases) else [problem], {"promotions": len(promotions(releases))})


@dg.asset_check(asset=DEPLOYED_MODEL_VERSION, blocking=True)
@or_fails
def release_verifies(artifacts: Artifacts) -> dg.AssetCheckResult:
    """Every file of the release the pointer names has the SHA-256 of its manifest."""
    pointer = read_pointer(artifacts.layout.releases)
    if pointer is None:
        raise ReleaseMissing("Nothing has been promoted.")
    manifest = verify(artifacts.layout.releases / pointer.release)
    return found([], {"release": pointer.release, "files": len(manifest.files)})


CHECKS = [pointer_matches_log, release_verifies]
