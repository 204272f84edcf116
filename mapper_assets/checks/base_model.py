"""The check of the base model: its weights are the recorded ones, and what `source.json` says of them."""

import dagster as dg

from mapper_assets.assets.training import BASE_MODEL
from mapper_assets.checks.results import found, or_fails
from mapper_assets.provenance import recorded_sha256
from mapper_assets.resources import Artifacts, Recipe


@dg.asset_check(asset=BASE_MODEL, blocking=True)
@or_fails
def weights_intact(context: dg.AssetCheckExecutionContext, artifacts: Artifacts, recipe: Recipe) -> dg.AssetCheckResult:
    """The weights on disk have the SHA-256 that was recorded when they were made."""
    from mapper_assets.training.prepare_base import read_source

    source = read_source(artifacts.layout.base_model(recipe.base_model))
    recorded = recorded_sha256(context.instance, BASE_MODEL)
    problem = f"{recipe.base_model} is missing or altered; materialise training/base_model again."
    return found([] if source is not None and source.sha256 == recorded else [problem], {"sha256": recorded})


CHECKS = [weights_intact]
