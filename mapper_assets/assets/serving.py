"""The stream of canonical events as assets: an external one for lineage, and a manifest of each tenant's day.

The external asset is written by the service and is only a name here: Dagster does not mark what is downstream of
an external asset as stale, so the materialised manifest carries the version.
"""

import dagster as dg

from mapper_assets.assets.deployment import DEPLOYED_MODEL_VERSION
from mapper_assets.failures import told_plainly
from mapper_assets.partitions import parse_key
from mapper_assets.provenance import SHA256, Described
from mapper_assets.resources import Artifacts
from mapper_assets.sensors.arrivals import fingerprint

ARRIVALS = "arrivals_sha256"
"""Metadata key of the fingerprint the `event_arrivals` sensor compares."""

CANONICAL_EVENTS = dg.AssetKey(["serving", "canonical_events"])
EVENT_MANIFEST = dg.AssetKey(["serving", "event_manifest"])

canonical_events = dg.AssetSpec(
    CANONICAL_EVENTS,
    deps=[DEPLOYED_MODEL_VERSION],
    group_name="serving",
    kinds={"parquet"},
    owners=["team:serving"],
    description="Events the service answered and shipped, one folder per tenant and UTC day. Written by the service.",
)


def event_manifest(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The event manifest asset over the given tenants and days."""

    @dg.asset(
        key=EVENT_MANIFEST,
        deps=[CANONICAL_EVENTS],
        partitions_def=partitions,
        group_name="serving",
        kinds={"json"},
        owners=["team:serving"],
        description="Which segments a tenant's UTC day consists of, their hashes, and the ledger that counts them.",
    )
    def asset(context: dg.AssetExecutionContext, artifacts: Artifacts) -> dg.MaterializeResult[None]:
        from mapper_assets.reporting.manifest import build_manifest

        with told_plainly():
            partition = parse_key(context.partition_key)
            arrivals = fingerprint(artifacts.layout, partition)
            manifest = build_manifest(artifacts.layout, partition.tenant, partition.day.isoformat())
        metadata: dict[str, Described] = {
            SHA256: manifest.data_version,
            ARRIVALS: arrivals,
            "dagster/partition_row_count": manifest.rows,
            "segments": len(manifest.segments),
            "rejected": manifest.rejected_rows,
            "problems": dg.MetadataValue.md("\n".join(f"- {problem}" for problem in manifest.problems) or "none"),
        }
        return dg.MaterializeResult(data_version=dg.DataVersion(manifest.data_version), metadata=metadata)

    return asset
