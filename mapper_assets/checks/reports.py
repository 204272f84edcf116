"""Checks of one tenant-day's report, each partition on its own: what was written is read back from the disk."""

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mapper_assets.assets.reports import BUNDLE, COMPLIANCE_REPORT, FRAMEWORK_COVERAGE
from mapper_assets.assets.serving import EVENT_MANIFEST
from mapper_assets.checks.results import found, or_fails
from mapper_assets.provenance import SHA256, NotMaterialised, recorded
from mapper_domain.release import sha256_file

if TYPE_CHECKING:
    from mapper_assets.reporting.bundle import BundleManifest

STAMPS = ("Taxonomy", "Frameworks and mapping set", "Release", "Detector mappings (catalogue SHA-256)", "Prompt")
"""Kinds of version every report with events must name."""


def bundle_of(instance: dg.DagsterInstance, partition: str) -> Path:
    """Folder of the report a partition was last materialised to.

    Raises:
        NotMaterialised: when there is none.
    """
    folder = recorded(instance, COMPLIANCE_REPORT, partition).get(BUNDLE)
    if not isinstance(folder, str):
        raise NotMaterialised(f"There is no report of {partition}; materialise it first.")
    return Path(folder)


def reconciliation_problems(manifest: "BundleManifest") -> list[str]:
    """What the bundle says does not reconcile."""
    reasons = list(manifest.reasons)
    if manifest.status == "INCOMPLETE" and not reasons:
        reasons.append("The report says INCOMPLETE and gives no reason.")
    counts = manifest.counts
    if counts.received is None or counts.received != (counts.accepted or 0) + (counts.rejected or 0):
        reasons.append(f"received {counts.received} is not accepted {counts.accepted} + rejected {counts.rejected}.")
    if counts.accepted != counts.events:
        reasons.append(f"accepted {counts.accepted} is not the {counts.events} events of the report.")
    return reasons


def version_problems(manifest: "BundleManifest") -> list[str]:
    """Which versions the bundle does not name although it has events."""
    if not manifest.counts.events:
        return []
    unnamed = {use.kind for use in manifest.versions if not use.value}
    missing = [stamp for stamp in STAMPS if stamp not in {use.kind for use in manifest.versions} - unnamed]
    return [f"{stamp}: no version is named, or not for every event." for stamp in missing]


def hash_problems(folder: Path, manifest_sha256: object) -> list[str]:
    """What of a bundle is not what was recorded.

    Raises:
        EvidenceIncomplete: naming the files that are missing or altered.
    """
    from mapper_assets.reporting.bundle import MANIFEST, verify

    verify(folder)
    same = sha256_file(folder / MANIFEST) == manifest_sha256
    return [] if same else [f"{folder / MANIFEST} is not the manifest that was recorded."]


def checks(partitions: dg.MultiPartitionsDefinition) -> list[dg.AssetChecksDefinition]:
    """Checks over the given tenants and days."""

    @dg.asset_check(asset=EVENT_MANIFEST, name="sound", partitions_def=partitions)
    @or_fails
    def sound(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """No segment is altered, missing or foreign. Not blocking: the report of such a day must say INCOMPLETE."""
        problems = str(recorded(context.instance, EVENT_MANIFEST, context.partition_key).get("problems", "never made"))
        return found([] if problems == "none" else [problems])

    @dg.asset_check(asset=FRAMEWORK_COVERAGE, name="counts_every_event", partitions_def=partitions)
    @or_fails
    def counts_every_event(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """Events by detector add up to the rows of the manifest. Not blocking, for the same reason."""
        rows = recorded(context.instance, EVENT_MANIFEST, context.partition_key).get("dagster/partition_row_count")
        events = recorded(context.instance, FRAMEWORK_COVERAGE, context.partition_key).get("events")
        return found([] if rows == events else [f"{events} events are covered, the manifest counts {rows}."])

    @dg.asset_check(asset=COMPLIANCE_REPORT, name="reconciles", blocking=True, partitions_def=partitions)
    @or_fails
    def reconciles(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """Received = accepted + rejected, and every accepted event is in the report."""
        from mapper_assets.reporting.bundle import verify

        manifest = verify(bundle_of(context.instance, context.partition_key))
        return found(reconciliation_problems(manifest), {"events": manifest.counts.events})

    @dg.asset_check(asset=COMPLIANCE_REPORT, name="versions_present", blocking=True, partitions_def=partitions)
    @or_fails
    def versions_present(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """Taxonomy, frameworks, release, catalogue and prompt versions are named."""
        from mapper_assets.reporting.bundle import verify

        manifest = verify(bundle_of(context.instance, context.partition_key))
        return found(version_problems(manifest), {"versions": len(manifest.versions)})

    @dg.asset_check(asset=COMPLIANCE_REPORT, name="sha_recorded", blocking=True, partitions_def=partitions)
    @or_fails
    def sha_recorded(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        """Every file has its recorded SHA-256, and the manifest the one in the asset's metadata."""
        folder = bundle_of(context.instance, context.partition_key)
        written = recorded(context.instance, COMPLIANCE_REPORT, context.partition_key).get(SHA256)
        return found(hash_problems(folder, written))

    return [sound, counts_every_event, reconciles, versions_present, sha_recorded]
