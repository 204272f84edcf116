"""The report of one tenant's UTC day as one frozen value, made by a pure function. Writers print it and decide nothing.

A report holds no wall-clock time and nothing random: the same evidence gives the same value.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from pydantic import AwareDatetime

from mapper_assets.reporting import counts
from mapper_assets.reporting.controls import label_control_pairs
from mapper_assets.reporting.counts import Count, Lag, Rate, VersionUse
from mapper_assets.reporting.coverage import Coverage
from mapper_assets.reporting.delta import Delta
from mapper_assets.reporting.incidents import ExceptionRule, Finding, Incident, exceptions, group
from mapper_assets.reporting.manifest import Day
from mapper_assets.reporting.reconciliation import Check, Tables, reconcile
from mapper_assets.reporting.segments import QUERY, Segment
from mapper_domain.catalog import Catalog, content_hash
from mapper_domain.release import canonical, sha256_text
from mapper_domain.value import Value

if TYPE_CHECKING:
    import pandas as pd

GENERATOR = "1.0.0"
"""Version of the report itself; a change of what it says or how it counts makes a new revision of every day."""

SAMPLE = 25
Status = Literal["FINAL", "AMENDED", "INCOMPLETE"]


class FileRef(Value):
    """A file that goes with the report; `rows` are data rows without the header."""

    name: str
    sha256: str
    size: int
    rows: int


class SampledEvent(Value):
    """One event of the sample an auditor can draw again."""

    event_id: str
    occurred_at: AwareDatetime
    detector: str
    source_label: str
    labels: tuple[str, ...]
    route: str
    confidence: float
    controls: int


class Population(Value):
    """How many of what, from the request to the report; None where the ledger is missing.

    Attributes:
        events: distinct accepted events found.
        labels_given: labels over all events; an event can have several.
        control_rows: distinct (event, control) pairs.
        exceptions: events that are a potential exception to at least one control.
    """

    received: int | None
    accepted: int | None
    rejected: int | None
    events: int
    labels_given: int
    control_rows: int
    exceptions: int


class Report(Value):
    """Everything a report says about one tenant's UTC day.

    Attributes:
        revision: 1, 2, 3 …; a later one adds, it never replaces.
        status: INCOMPLETE whenever a check does not hold; AMENDED for a later revision; else FINAL.
        reasons: why it is incomplete; empty otherwise.
        period_start: first instant of the day.
        period_end: first instant after it.
        watermark: when the latest event was made durable; the cut-off of what was known.
        data_version: content hash of the day's event manifest.
        mapping_sha256: content hash of the frameworks and mapping used to list controls.
        query: the SQL that read the events.
        files: tables that go with the report, each the full population.
    """

    schema_version: Literal["1.0"] = "1.0"
    generator: str = GENERATOR
    tenant_id: str
    day: str
    revision: int
    status: Status
    reasons: tuple[str, ...]
    period_start: AwareDatetime
    period_end: AwareDatetime
    watermark: AwareDatetime | None
    delta: Delta | None
    data_version: str
    population: Population
    rates: tuple[Rate, ...]
    lag: Lag | None
    by_label: tuple[Count, ...]
    by_detector: tuple[Count, ...]
    by_route: tuple[Count, ...]
    by_environment: tuple[Count, ...]
    by_confidence: tuple[Count, ...]
    by_rejection: tuple[Count, ...]
    coverage: Coverage
    incidents: tuple[Incident, ...]
    reconciliation: tuple[Check, ...]
    versions: tuple[VersionUse, ...]
    mapping_sha256: str
    query: str
    segments: tuple[Segment, ...]
    sample: tuple[SampledEvent, ...]
    files: tuple[FileRef, ...]

    @property
    def content_sha256(self) -> str:
        """Identity of what the report says, whatever revision says it."""
        return sha256_text(canonical(self.model_copy(update={"revision": 0, "status": "FINAL", "delta": None})))

    @property
    def id(self) -> str:
        """Short name for headers: tenant, day, revision."""
        return f"{self.tenant_id}-{self.day}-r{self.revision:04d}"

    @property
    def complete(self) -> bool:
        """Whether every identity from the request to the report holds."""
        return not self.reasons

    def revised(self, revision: int, delta: Delta | None) -> "Report":
        """The same content as a given revision."""
        status: Status = "INCOMPLETE" if self.reasons else "FINAL" if revision == 1 else "AMENDED"
        return self.model_copy(update={"revision": revision, "delta": delta, "status": status})


def make_report(
    day: Day, events: "pd.DataFrame", coverage: Coverage, catalog: Catalog, files: Sequence[FileRef]
) -> Report:
    """The report of a day as revision 1.

    Args:
        day: evidence as found, duplicates and all, for reconciliation.
        events: its events, each once, ordered by sequence.
        coverage: coverage of the same events.
        catalog: frameworks and mapping in force now.
        files: references to the tables written beside it; `events.csv` counts in reconciliation.
    """
    manifest, rule = day.manifest, ExceptionRule(catalog.frameworks)
    by_label = counts.count(label for labels in events["taxonomy"] for label in labels)
    by_detector, by_route = counts.count(events["detector"]), counts.count(events["route"])
    by_rejection = counts.count(day.rejections.frame.drop_duplicates("rejection_id")["code"])
    by_control = sum(c.events for f in coverage.frameworks for c in f.controls) + sum(coverage.unlisted.values())
    tables = Tables(
        by_route=_total(by_route),
        by_detector=_total(by_detector),
        by_label=_total(by_label),
        by_control=by_control,
        by_rejection=_total(by_rejection),
        csv_rows=next(file.rows for file in files if file.name == "events.csv"),
    )
    foreign = day.events.foreign + day.rejections.foreign
    checks = reconcile(manifest, day.events.frame, day.rejections.frame, tables, foreign=foreign)
    findings = _findings(events)
    reasons = dict.fromkeys((*manifest.problems, *(_reason(check) for check in checks if not check.holds)))
    start = datetime.strptime(manifest.day, "%Y-%m-%d").replace(tzinfo=UTC)
    ledger = manifest.ledger
    return Report(
        tenant_id=manifest.tenant_id,
        day=manifest.day,
        revision=1,
        status="INCOMPLETE" if reasons else "FINAL",
        reasons=tuple(reasons),
        period_start=start,
        period_end=start + timedelta(days=1),
        watermark=None if events.empty else events["recorded_at"].max().to_pydatetime(),
        delta=None,
        data_version=manifest.data_version,
        population=Population(
            received=ledger and ledger.received,
            accepted=ledger and ledger.accepted,
            rejected=ledger and ledger.rejected,
            events=len(events),
            labels_given=_total(by_label),
            control_rows=by_control,
            exceptions=exceptions(label_control_pairs(events), rule),
        ),
        rates=counts.rates(events),
        lag=counts.lag(events),
        by_label=by_label,
        by_detector=by_detector,
        by_route=by_route,
        by_environment=counts.count(events["environment"]),
        by_confidence=counts.confidences(events),
        by_rejection=by_rejection,
        coverage=coverage,
        incidents=group(findings, rule),
        reconciliation=checks,
        versions=counts.versions(events),
        mapping_sha256=content_hash(catalog.frameworks),
        query=QUERY,
        segments=(*manifest.segments, *manifest.rejections),
        sample=_sample(events, manifest.data_version),
        files=tuple(files),
    )


def draw(event_ids: Sequence[str], seed: str, size: int = SAMPLE) -> tuple[str, ...]:
    """A sample anyone can draw again: the `size` ids whose SHA-256 of `seed` followed by the id is smallest."""
    return tuple(sorted(event_ids, key=lambda event_id: hashlib.sha256((seed + event_id).encode()).digest())[:size])


def _sample(events: "pd.DataFrame", seed: str) -> tuple[SampledEvent, ...]:
    drawn = events[events["event_id"].isin(draw(list(events["event_id"]), seed))]
    return tuple(
        SampledEvent(
            event_id=row["event_id"],
            occurred_at=row["occurred_at"].to_pydatetime(),
            detector=row["detector"],
            source_label=_source_label(row["source_label"], row["source_label_hmac"]),
            labels=tuple(row["taxonomy"]),
            route=row["route"],
            confidence=row["confidence"],
            controls=len(set(row["controls"])),
        )
        for row in drawn.to_dict("records")
    )


def _source_label(label: object, hashed: object) -> str:
    if isinstance(label, str):
        return label
    return "withheld, keyed hash in events.csv" if isinstance(hashed, str) else "no finding"


def _findings(events: "pd.DataFrame") -> list[Finding]:
    columns = (events["occurred_at"], events["detector"], events["taxonomy"], events["controls"])
    return [
        Finding(at.to_pydatetime(), detector, tuple(labels), tuple(controls))
        for at, detector, labels, controls in zip(*columns, strict=True)
    ]


def _total(table: Sequence[Count]) -> int:
    return sum(row.events for row in table)


def _reason(check: Check) -> str:
    expected, found = ("unknown" if number is None else f"{number:,}" for number in (check.expected, check.found))
    return f"{check.name}: expected {expected}, found {found}."
