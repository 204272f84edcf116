"""Writes the report of a tenant's UTC day as an immutable, numbered bundle, and reuses it while nothing has changed.

    reports/<tenant>/<yyyy>/<mm>/<dd>/r0001/
        report.pdf report.json events.csv controls.csv coverage.csv reconciliation.csv manifest.json

A revision appears whole or not at all and is never written again. Evidence that does not reconcile is
written too, marked INCOMPLETE throughout, and then fails the run.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from mapper_assets.rendering import csv, json
from mapper_assets.reporting import tables
from mapper_assets.reporting.counts import VersionUse
from mapper_assets.reporting.coverage import coverage
from mapper_assets.reporting.delta import compare
from mapper_assets.reporting.manifest import Day, read_day
from mapper_assets.reporting.report import FileRef, Population, Report, Status, make_report
from mapper_domain.catalog import Catalog
from mapper_domain.errors import EvidenceIncomplete
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_file
from mapper_domain.value import Value

if TYPE_CHECKING:
    import pandas as pd

MANIFEST = "manifest.json"


class BundleManifest(Value):
    """What a bundle is: the file an auditor starts from. Its own SHA-256 identifies the bundle.

    Attributes:
        content_sha256: identity of what the report says, whatever revision says it.
        data_version: content hash of the day's event manifest.
        previous: revision this one follows, or None.
        previous_sha256: SHA-256 (hex) of that revision's manifest.json.
        files: every other file of the bundle, by name.
        environment: versions of the libraries that made the bytes; the same ones make the same bytes again.
    """

    schema_version: Literal["1.0"] = "1.0"
    tenant_id: str
    day: str
    revision: int
    status: Status
    reasons: tuple[str, ...]
    generator: str
    content_sha256: str
    data_version: str
    previous: int | None
    previous_sha256: str | None
    counts: Population
    versions: tuple[VersionUse, ...]
    files: tuple[FileRef, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BundleResult:
    """Where a report is and what it is.

    Attributes:
        folder: the revision's folder.
        reused: an earlier run had already written exactly this.
        manifest: the bundle's manifest.
        manifest_sha256: SHA-256 (hex) of manifest.json, the identity of the bundle.
    """

    folder: Path
    reused: bool
    manifest: BundleManifest
    manifest_sha256: str


def build_report(layout: Layout, catalog: Catalog, tenant: str, day: str) -> BundleResult:
    """Build, or find, the report of one tenant's UTC day (`yyyy-mm-dd`).

    The same evidence gives the revision that is there already; other evidence gives the next one with a delta.

    Raises:
        InvalidTenant: when the tenant id could escape the folder.
        EvidenceIncomplete: after the bundle was written, when anything does not reconcile; or when an earlier
            revision was altered.
    """
    evidence = read_day(layout, tenant, day)
    report, contents = compose(evidence, catalog)
    home = layout.reports / tenant / day[:4] / day[5:7] / day[8:10]
    latest = _latest(home)
    if latest is not None and latest.manifest.content_sha256 == report.content_sha256:
        result = latest
    else:
        result = _write(home, _revise(report, contents, latest), contents)
    if result.manifest.status == "INCOMPLETE":
        reasons = "\n".join(f"- {reason}" for reason in result.manifest.reasons)
        raise EvidenceIncomplete(
            f"The report of {tenant} for {day} is INCOMPLETE (written to {result.folder}):\n{reasons}\n"
            "Restore what is missing and build it again; that gives the next revision."
        )
    return result


def verify(folder: Path) -> BundleManifest:
    """The manifest of a bundle whose every file has the recorded SHA-256.

    Raises:
        EvidenceIncomplete: naming every file that is missing, altered or unreadable.
    """
    try:
        manifest = json.read((folder / MANIFEST).read_bytes(), BundleManifest)
    except (OSError, ValidationError):
        raise EvidenceIncomplete(f"{folder} has no readable {MANIFEST}; restore it from the archive.") from None
    wrong = [
        file.name
        for file in manifest.files
        if not (folder / file.name).is_file() or sha256_file(folder / file.name) != file.sha256
    ]
    if wrong:
        names = ", ".join(wrong)
        raise EvidenceIncomplete(f"{folder} was altered: {names} missing or changed. Restore it from the archive.")
    return manifest


def compose(evidence: Day, catalog: Catalog) -> tuple[Report, dict[str, bytes]]:
    """The report as revision 1, and its tables as CSV by file name; nothing is written or rendered."""
    events = evidence.events.frame.drop_duplicates("event_id")
    seen = coverage(events, catalog, evidence.manifest.tenant_id, evidence.manifest.day)
    contents: dict[str, bytes] = {}
    files: list[FileRef] = []

    def add(name: str, table: "pd.DataFrame") -> None:
        contents[name] = csv.write(table)
        files.append(_ref(name, contents[name], csv.row_count(contents[name])))

    add("events.csv", tables.events_table(events))
    add("controls.csv", tables.controls_table(seen))
    add("coverage.csv", tables.coverage_table(seen))
    report = make_report(evidence, events, seen, catalog, files)
    add("reconciliation.csv", tables.reconciliation_table(report.reconciliation))
    return report.model_copy(update={"files": tuple(files)}), contents


def _latest(home: Path) -> BundleResult | None:
    folders = sorted(home.glob("r[0-9][0-9][0-9][0-9]"))
    if not folders:
        return None
    manifest = verify(folders[-1])
    return BundleResult(folders[-1], True, manifest, sha256_file(folders[-1] / MANIFEST))


def _revise(report: Report, contents: Mapping[str, bytes], latest: BundleResult | None) -> Report:
    if latest is None:
        return report.revised(1, None)
    before = json.read((latest.folder / "report.json").read_bytes(), Report)
    ids_before = csv.column((latest.folder / "events.csv").read_bytes(), "event_id")
    ids_after = csv.column(contents["events.csv"], "event_id")
    delta = compare(before, report, frozenset(ids_before), frozenset(ids_after), latest.manifest_sha256)
    return report.revised(latest.manifest.revision + 1, delta)


def _write(home: Path, report: Report, contents: dict[str, bytes]) -> BundleResult:
    from mapper_assets.rendering import pdf

    contents = {**contents, "report.json": json.write(report)}
    contents["report.pdf"] = pdf.render(report, contents)
    rows = {file.name: file.rows for file in report.files}
    manifest = BundleManifest(
        tenant_id=report.tenant_id,
        day=report.day,
        revision=report.revision,
        status=report.status,
        reasons=report.reasons,
        generator=report.generator,
        content_sha256=report.content_sha256,
        data_version=report.data_version,
        previous=report.delta and report.delta.previous,
        previous_sha256=report.delta and report.delta.previous_sha256,
        counts=report.population,
        versions=report.versions,
        files=tuple(_ref(name, content, rows.get(name, 0)) for name, content in sorted(contents.items())),
        environment=pdf.environment(),
    )
    contents[MANIFEST] = json.write(manifest)
    folder = _publish(home, f"r{report.revision:04d}", contents)
    return BundleResult(folder, False, manifest, sha256_file(folder / MANIFEST))


def _publish(home: Path, name: str, contents: Mapping[str, bytes]) -> Path:
    """Write a folder beside its place and move it there whole; a folder that is there already stays."""
    home.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=home))
    try:
        for file, content in contents.items():
            with (partial / file).open("xb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            (partial / file).chmod(0o444)
        partial.chmod(0o755)
        partial.rename(home / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return home / name


def _ref(name: str, content: bytes, rows: int) -> FileRef:
    return FileRef(name=name, sha256=hashlib.sha256(content).hexdigest(), size=len(content), rows=rows)
