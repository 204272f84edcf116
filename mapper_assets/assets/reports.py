"""Reports of one tenant and UTC day. Nothing here runs by itself: the `event_arrivals` sensor asks for partitions."""

from collections import Counter
from typing import TYPE_CHECKING

import dagster as dg

from mapper_assets.assets.config import frameworks
from mapper_assets.assets.serving import EVENT_MANIFEST
from mapper_assets.failures import told_plainly
from mapper_assets.partitions import parse_key
from mapper_assets.provenance import SHA256, Described
from mapper_assets.resources import Artifacts, Sources
from mapper_domain.catalog import load
from mapper_domain.release import canonical, sha256_text

if TYPE_CHECKING:
    from mapper_assets.reporting.bundle import BundleResult
    from mapper_assets.reporting.coverage import Coverage

FRAMEWORK_COVERAGE = dg.AssetKey(["reports", "framework_coverage"])
COMPLIANCE_REPORT = dg.AssetKey(["reports", "compliance_report"])
BUNDLE = "bundle"
"""Metadata key of a report's folder."""


def framework_coverage(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The coverage asset over the given tenants and days."""

    @dg.asset(
        key=FRAMEWORK_COVERAGE,
        deps=[EVENT_MANIFEST, frameworks],
        partitions_def=partitions,
        group_name="reports",
        kinds={"json"},
        owners=["team:compliance"],
        description="For every control of every framework in scope: what was recorded for it, or why nothing was.",
    )
    def asset(context: dg.AssetExecutionContext, artifacts: Artifacts, sources: Sources) -> dg.MaterializeResult[None]:
        from mapper_assets.reporting.coverage import build_coverage

        with told_plainly():
            day = parse_key(context.partition_key)
            coverage = build_coverage(artifacts.layout, load(sources.path), day.tenant, day.day.isoformat())
        sha256 = sha256_text(canonical(coverage))
        metadata = coverage_metadata(coverage) | {SHA256: sha256}
        return dg.MaterializeResult(data_version=dg.DataVersion(sha256), metadata=metadata)

    return asset


def compliance_report(partitions: dg.MultiPartitionsDefinition) -> dg.AssetsDefinition:
    """The report asset over the given tenants and days."""

    @dg.asset(
        key=COMPLIANCE_REPORT,
        deps=[FRAMEWORK_COVERAGE],
        partitions_def=partitions,
        group_name="reports",
        kinds={"pdf", "csv", "json"},
        owners=["team:compliance"],
        description="PDF, CSV and JSON for auditors. What does not reconcile is written as INCOMPLETE and fails.",
    )
    def asset(context: dg.AssetExecutionContext, artifacts: Artifacts, sources: Sources) -> dg.MaterializeResult[None]:
        from mapper_assets.reporting.bundle import build_report

        with told_plainly():
            day = parse_key(context.partition_key)
            result = build_report(artifacts.layout, load(sources.path), day.tenant, day.day.isoformat())
        version = dg.DataVersion(result.manifest.content_sha256)
        return dg.MaterializeResult(data_version=version, metadata=report_metadata(result))

    return asset


def coverage_metadata(coverage: "Coverage") -> dict[str, Described]:
    """Events by detector in total, and a table of editions by how many of their controls are in which state."""
    rows = []
    for framework in coverage.frameworks:
        states = Counter(control.state for control in framework.controls)
        counts = " | ".join(str(states[state]) for state in ("events", "quiet", "no_mapped_detector", "not_supported"))
        rows.append(f"| {framework.key} {framework.edition} | {counts} |")
    head = "| framework | with events | quiet | nobody watched | not supported |\n| --- | --- | --- | --- | --- |"
    return {
        "events": sum(detector.events for detector in coverage.detectors),
        "detectors_silent": sum(detector.expected and not detector.events for detector in coverage.detectors),
        "controls": dg.MetadataValue.md("\n".join((head, *rows))),
        "blind": ", ".join(coverage.blind) or "none",
    }


def report_metadata(result: "BundleResult") -> dict[str, Described]:
    """Where the report is, what it says of itself, and the hashes it can be checked by."""
    manifest = result.manifest
    return {
        SHA256: result.manifest_sha256,
        BUNDLE: dg.MetadataValue.path(str(result.folder)),
        "pdf": dg.MetadataValue.path(str(result.folder / "report.pdf")),
        "status": manifest.status,
        "revision": manifest.revision,
        "reused": result.reused,
        "events": manifest.counts.events,
        "exceptions": manifest.counts.exceptions,
        "files": dg.MetadataValue.md("\n".join(f"- `{file.name}` {file.sha256}" for file in manifest.files)),
    }
