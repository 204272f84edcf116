"""Writes evidence as the service does: records through the one schema, Parquet named by hash, and the day's ledger.

For tests of everything that reads segments. Answers come from the rule mapper over the real catalogue.
"""

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mapper_domain import ladder
from mapper_domain.catalog import Catalog
from mapper_domain.events import (
    CanonicalEvent,
    DayLedger,
    EventRecord,
    PolicyContext,
    Provenance,
    RejectionRecord,
    Versions,
    segment_folder,
)
from mapper_domain.layout import Layout
from mapper_domain.rules import RuleMapper
from mapper_domain.segments import (
    EVENT_COLUMNS,
    REJECTION_COLUMNS,
    SEGMENT_SCHEMA_VERSION,
    segment_name,
    to_rejection_row,
    to_row,
)

ARROW = {
    "string": pa.string(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "timestamp[us, UTC]": pa.timestamp("us", "UTC"),
    "list<string>": pa.list_(pa.string()),
    "map<string, double>": pa.map_(pa.string(), pa.float64()),
}
RELEASE = "9f1c2ab4d07e6655"
TENANT, DAY = "acme", "2026-11-21"
EXPECTED = ("deberta-toxicity", "detect-secrets", "gitleaks")
HOUR = 3600


@dataclass(frozen=True, slots=True)
class Said:
    """One detector answer: what it said, and when (seconds after midnight UTC). No label: it found nothing."""

    detector: str
    label: str | None
    second: float


SOUND_DAY = (
    Said("deberta-toxicity", "toxic", 8 * HOUR),
    Said("deberta-toxicity", "insult", 8 * HOUR + 60),
    Said("deberta-toxicity", None, 8 * HOUR + 120),
    Said("detect-secrets", "AWS Access Key", 9 * HOUR),
    Said("detect-secrets", "AWS Access Key", 9 * HOUR + 14 * 60),
    Said("detect-secrets", "AWS Access Key", 10 * HOUR),
    Said("detect-secrets", "never heard of it", 11 * HOUR),
    Said("presidio", "EMAIL_ADDRESS", 12 * HOUR),
    Said("presidio", "US_SSN", 12 * HOUR + 1),
    Said("presidio", None, 23 * HOUR),
)
"""Ten answers of three detectors, two of them promised; gitleaks was promised and stays silent."""


@dataclass
class Recorder:
    """Turns detector answers of one tenant's day into records with sequence numbers, as the service would."""

    catalog: Catalog
    tenant: str = TENANT
    day: str = DAY
    expected: tuple[str, ...] = EXPECTED
    scopes: frozenset[str] = frozenset({"tenant.scope.hipaa"})
    release: str = RELEASE
    last: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._rules = RuleMapper(self.catalog)

    def record(self, said: Said) -> EventRecord:
        """The next record of the day."""
        self.last += 1
        answer = ladder.safe() if said.label is None else self._decide(said.detector, said.label)
        at = datetime.fromisoformat(self.day).replace(tzinfo=UTC) + timedelta(seconds=said.second)
        known = self.catalog.by_name.get(said.detector)
        described = said.label is not None and known is not None and known.find(said.label) is not None
        controls = sorted({row.control for row in self.catalog.frameworks.evidence_for(answer.labels, self.scopes)})
        event = CanonicalEvent(
            taxonomy=answer.labels,
            scores=answer.scores,
            confidence=answer.confidence,
            notes=answer.note,
            provenance=Provenance(
                vendor=known.vendor if known else "",
                detector=said.detector,
                detector_version=known.version if known else "",
                route=answer.route,
                model=self.release,
                tenant_id=self.tenant,
                ts=at,
            ),
            policy_context=PolicyContext(expected_detectors=self.expected),
        )
        return EventRecord(
            event_id=event_id(self.tenant, self.last, at),
            tenant_id=self.tenant,
            sequence=self.last,
            occurred_at=at,
            recorded_at=at + timedelta(milliseconds=40),
            source_label=said.label if described else None,
            source_label_hmac=None
            if described or said.label is None
            else hashlib.sha256(said.label.encode()).hexdigest(),
            versions=Versions(
                taxonomy=self.catalog.taxonomy.version,
                frameworks=self.catalog.frameworks.version,
                release=self.release,
                catalog=self.catalog.sha256,
                prompt="1",
            ),
            controls=tuple(controls),
            event=event,
        )

    def _decide(self, detector: str, label: str) -> ladder.Answer:
        rule = self._rules.find(detector, label)
        guess = {rule.labels[0]: 0.93, "OTHER.Unknown": 0.07} if rule and self.last % 3 else None
        return ladder.decide(rule, guess, trust=ladder.Trust())


def event_id(tenant: str, number: int, at: datetime) -> str:
    """A UUIDv7 (RFC 9562) whose random part is derived, so that tests repeat."""
    millis = int(at.timestamp() * 1000)
    rest = int.from_bytes(hashlib.sha256(f"{tenant}/{number}/{millis}".encode()).digest()[:10], "big")
    value = (millis << 80) | (0x7 << 76) | ((rest >> 64 & 0xFFF) << 64) | (0b10 << 62) | (rest & (1 << 62) - 1)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def write_events(
    layout: Layout, records: Sequence[EventRecord], *, tenant: str = "", day: str = "", event_json: str | None = None
) -> Path:
    """One segment of these records, in the folder of the first one's tenant and day unless told otherwise."""
    first = records[0]
    folder = segment_folder(tenant or first.tenant_id, day or f"{first.occurred_at:%Y-%m-%d}")
    return _write(
        layout.events / folder, first.event_id, EVENT_COLUMNS, [to_row(record, event_json) for record in records]
    )


def write_rejections(layout: Layout, records: Sequence[RejectionRecord]) -> Path:
    """One rejection segment."""
    first = records[0]
    folder = segment_folder(first.tenant_id, f"{first.occurred_at:%Y-%m-%d}")
    rows = [to_rejection_row(record) for record in records]
    return _write(layout.rejections / folder, first.rejection_id, REJECTION_COLUMNS, rows)


def write_ledger(layout: Layout, tenant: str, day: str, accepted: int, rejected: int = 0, **changes: int) -> Path:
    """The day's ledger; `changes` overwrite single numbers to make it disagree."""
    counts = {"received": accepted + rejected, "accepted": accepted, "rejected": rejected, "last_sequence": accepted}
    ledger = DayLedger(tenant_id=tenant, day=day, updated_at=datetime.now(UTC), **{**counts, **changes})
    path = layout.ledgers / segment_folder(tenant, day) / "ledger.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(ledger.model_dump_json())
    return path


def rejections(tenant: str, day: str, codes: Iterable[str]) -> list[RejectionRecord]:
    """Refused requests with these codes, one a minute from noon."""
    noon = datetime.fromisoformat(day).replace(tzinfo=UTC, hour=12)
    times = ((code, noon + timedelta(minutes=minute)) for minute, code in enumerate(codes))
    return [
        RejectionRecord(rejection_id=event_id(tenant + code, n, at), tenant_id=tenant, occurred_at=at, code=code)
        for n, (code, at) in enumerate(times)
    ]


def write_sound_day(layout: Layout, catalog: Catalog) -> Recorder:
    """A sound day in two segments, with two refused requests and a ledger that agrees; who to ask for more events."""
    recorder = Recorder(catalog)
    records = [recorder.record(said) for said in SOUND_DAY]
    write_events(layout, records[:6])
    write_events(layout, records[6:])
    write_rejections(layout, rejections(TENANT, DAY, ["unknown-detector", "malformed-body"]))
    write_ledger(layout, TENANT, DAY, len(records), 2)
    return recorder


def _write(folder: Path, first: str, columns: object, rows: list[dict[str, object]]) -> Path:
    assert isinstance(columns, dict)
    fields = [
        pa.field(name, ARROW[kind.removesuffix("?")], nullable=kind.endswith("?")) for name, kind in columns.items()
    ]
    schema = pa.schema(fields, metadata={"schema_version": SEGMENT_SCHEMA_VERSION})
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), sink)
    content = sink.getvalue()
    path = folder / segment_name(first, hashlib.sha256(content).hexdigest())
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def tamper(path: Path) -> None:
    """Change a segment's rows and keep its name: still valid Parquet, no longer what the name promises."""
    table = pq.read_table(path)
    sink = io.BytesIO()
    pq.write_table(table.slice(0, max(table.num_rows - 1, 0)), sink)
    path.write_bytes(sink.getvalue())
