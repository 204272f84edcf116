"""The release that serves. Promotion and rollback are materialisations of one asset, so both are in its history."""

import dagster as dg

from mapper_assets.assets.evaluation import GOLDEN_SET_EVALUATION, RETRIEVER_SHA256
from mapper_assets.assets.training import RETRIEVER
from mapper_assets.automation import on_data_change
from mapper_assets.deployment.release import Outcome, assemble, named, promote
from mapper_assets.failures import told_plainly
from mapper_assets.gates import Gates
from mapper_assets.provenance import SHA256, recorded_sha256
from mapper_assets.resources import Artifacts, Recipe, Sources, Thresholds
from mapper_domain.layout import Layout

DEPLOYED_MODEL_VERSION = dg.AssetKey(["deployment", "deployed_model_version"])
LATEST = "latest"


class Promote(dg.Config):
    """Which release is to serve, and who says so.

    Attributes:
        release: `latest` assembles and promotes what was evaluated last; `previous` is the release before the
            current one; anything else is a release id.
        by: who promotes; empty names the installation's default.
        reason: why, for the promotions log.
        hold: pin this release; automatic promotions then wait until somebody promotes without it.
    """

    release: str = LATEST
    by: str = ""
    reason: str = "A new evaluation passed its gates."
    hold: bool = False


@dg.asset(
    key=DEPLOYED_MODEL_VERSION,
    deps=[GOLDEN_SET_EVALUATION, RETRIEVER],
    group_name="deployment",
    kinds={"json"},
    owners=["team:ml-platform"],
    # An evaluation stands beside one retriever and follows every change of it; the release takes both from there.
    automation_condition=on_data_change(retry=False, untouched_by=dg.AssetSelection.assets(RETRIEVER)),
)
def deployed_model_version(
    context: dg.AssetExecutionContext,
    config: Promote,
    artifacts: Artifacts,
    sources: Sources,
    recipe: Recipe,
    thresholds: Thresholds,
) -> dg.MaterializeResult[None]:
    """The release the service loads: judged once more here, because blocking checks guard one run only."""
    layout, latest = artifacts.layout, config.release == LATEST
    with told_plainly():
        gates, by = thresholds.gates, config.by or recipe.promoted_by
        release = _latest(context.instance, layout, sources, gates) if latest else named(layout, config.release)
        outcome = promote(layout, release, by=by, reason=config.reason, gates=gates, hold=config.hold, automatic=latest)
    context.log.info(outcome.sentence)
    return _result(outcome, layout)


def _latest(instance: dg.DagsterInstance, layout: Layout, sources: Sources, gates: Gates) -> str:
    """The release of what was evaluated last, with the retriever that stood beside it."""
    evaluation = recorded_sha256(instance, GOLDEN_SET_EVALUATION)
    retriever = recorded_sha256(instance, GOLDEN_SET_EVALUATION, RETRIEVER_SHA256)
    return assemble(layout, sources.path, evaluation, retriever, gates)


def _result(outcome: Outcome, layout: Layout) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        data_version=dg.DataVersion(outcome.release),
        metadata={
            SHA256: outcome.release,
            "release": outcome.release,
            "candidate": outcome.candidate,
            "changed": outcome.changed,
            "held": outcome.held,
            "folder": dg.MetadataValue.path(str(layout.releases / outcome.release)),
        },
    )
