"""Proposed mappings for labels that came in events and that nobody has mapped, for reviewers of the catalogue."""

from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field, JsonValue

from mapper_assets.assets.deployment import DEPLOYED_MODEL_VERSION
from mapper_assets.assets.serving import CANONICAL_EVENTS
from mapper_assets.assets.training import TRAINING_POOL
from mapper_assets.provenance import SHA256, Described
from mapper_assets.resources import Artifacts, Scripts

PROPOSED_MAPPINGS = dg.AssetKey(["reports", "proposed_mappings"])
RELEASE = "release"
COUNTS = ("detectors", "labels", "settled", "to_review", "private_files", "left_out")
"""Counts of a run: of shared proposals, of files that are one tenant's own, and of segments that were left out."""


class Window(dg.Config):
    """Which events are read.

    Attributes:
        days: UTC days up to today.
    """

    days: int = Field(default=30, ge=1)


@dg.asset(
    key=PROPOSED_MAPPINGS,
    deps=[CANONICAL_EVENTS, DEPLOYED_MODEL_VERSION],
    group_name="reports",
    kinds={"yaml"},
    owners=["team:taxonomy"],
    pool=TRAINING_POOL,
    description="A detector file to review for every detector with labels nobody has mapped, and a table of them.",
)
def proposed_mappings(
    context: dg.AssetExecutionContext, config: Window, scripts: Scripts, artifacts: Artifacts
) -> dg.MaterializeResult[None]:
    """Asks the release that serves about what came in events; merged files are known from the next release on."""
    since = datetime.now(UTC).date() - timedelta(days=config.days - 1)
    extras: dict[str, JsonValue] = {"artifacts": artifacts.root, "since": since.isoformat()}
    result = scripts.run(context, "mapper_assets.proposing.propose_seen", extras)
    metadata: dict[str, Described] = {
        SHA256: str(result[SHA256]),
        RELEASE: str(result[RELEASE]),
        "folder": dg.MetadataValue.path(str(artifacts.layout.proposals)),
        "proposals": dg.MetadataValue.md(str(result["table"])),
        **{name: int(result[name]) for name in COUNTS},
    }
    return dg.MaterializeResult(data_version=dg.DataVersion(str(result[SHA256])), metadata=metadata)
