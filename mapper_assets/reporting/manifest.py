"""The event manifest: which segments one tenant's day consists of, how many rows, and the ledger that counts them.

Its content hash is the data version of the day. It is derived and replaced as segments arrive; what it once
listed and can no longer find stays listed as missing.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from mapper_assets.reporting.segments import Rows, Segment, read_events, read_rejections
from mapper_domain.events import DayLedger, segment_folder
from mapper_domain.layout import Layout
from mapper_domain.value import Value


class EventManifest(Value):
    """What one tenant's UTC day consists of.

    Attributes:
        segments: event segments found, by name.
        rejections: rejection segments found, by name.
        missing: segments an earlier manifest of this day listed and that are gone.
        ledger: the day's ledger as shipped, or None.
        rows: rows of this tenant and day in intact event segments.
        rejected_rows: the same for rejection segments.
        first_event: time of the earliest event, ISO 8601 UTC, or None without rows.
        last_event: time of the latest event.
        problems: everything wrong with the files, one sentence each; empty on a sound day.
    """

    tenant_id: str
    day: str
    segments: tuple[Segment, ...]
    rejections: tuple[Segment, ...]
    missing: tuple[str, ...]
    ledger: DayLedger | None
    rows: int
    rejected_rows: int
    first_event: str | None
    last_event: str | None
    problems: tuple[str, ...]

    @property
    def data_version(self) -> str:
        """SHA-256 (hex) of everything here but the time the ledger was last written."""
        content = self.model_dump(mode="json")
        if self.ledger is not None:
            content["ledger"].pop("updated_at")
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Day:
    """All the evidence of one tenant and UTC day, as found.

    Attributes:
        manifest: files and ledger.
        events: accepted events.
        rejections: refused requests.
    """

    manifest: EventManifest
    events: Rows
    rejections: Rows


def build_manifest(layout: Layout, tenant: str, day: str) -> EventManifest:
    """Describe one tenant's UTC day (`yyyy-mm-dd`) and store it at `manifests/<tenant>/<day>.json`.

    Never fails on bad evidence: what is wrong is in `problems`, and the report of the day will say INCOMPLETE.

    Raises:
        InvalidTenant: when the tenant id could escape the folder.
    """
    manifest = read_day(layout, tenant, day).manifest
    path = _place(layout, tenant, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
    partial.replace(path)
    return manifest


def read_day(layout: Layout, tenant: str, day: str) -> Day:
    """Read and check segments, rejections and ledger of one tenant's UTC day.

    Raises:
        InvalidTenant: when the tenant id could escape the folder.
    """
    events, rejections = read_events(layout, tenant, day), read_rejections(layout, tenant, day)
    ledger, ledger_problems = _ledger(layout, tenant, day)
    present = {segment.name for segment in (*events.segments, *rejections.segments)}
    missing = tuple(sorted(_listed_before(layout, tenant, day) - present))
    times = events.frame["occurred_at"]
    manifest = EventManifest(
        tenant_id=tenant,
        day=day,
        segments=events.segments,
        rejections=rejections.segments,
        missing=missing,
        ledger=ledger,
        rows=len(events.frame),
        rejected_rows=len(rejections.frame),
        first_event=None if times.empty else times.min().isoformat(),
        last_event=None if times.empty else times.max().isoformat(),
        problems=(
            *ledger_problems,
            *events.problems,
            *rejections.problems,
            *(f"Segment {name} was listed before and is gone; restore it from the archive." for name in missing),
        ),
    )
    return Day(manifest, events, rejections)


def _place(layout: Layout, tenant: str, day: str) -> Path:
    return layout.manifests / tenant / f"{day}.json"


def _ledger(layout: Layout, tenant: str, day: str) -> tuple[DayLedger | None, tuple[str, ...]]:
    path = layout.ledgers / segment_folder(tenant, day) / "ledger.json"
    if not path.exists():
        return None, ("There is no ledger for this day, so nothing shows what was received.",)
    try:
        ledger = DayLedger.model_validate_json(path.read_bytes())
    except ValidationError:
        return None, ("The ledger of this day cannot be read; restore it from the archive.",)
    if (ledger.tenant_id, ledger.day) != (tenant, day):
        return None, (f"The ledger found here is of tenant {ledger.tenant_id} and day {ledger.day}.",)
    return ledger, ()


def _listed_before(layout: Layout, tenant: str, day: str) -> frozenset[str]:
    path = _place(layout, tenant, day)
    if not path.exists():
        return frozenset()
    try:
        before = EventManifest.model_validate_json(path.read_bytes())
    except ValidationError:
        return frozenset()
    return frozenset((*(s.name for s in before.segments), *(s.name for s in before.rejections), *before.missing))
