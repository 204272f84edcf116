"""Reads one tenant's UTC day back from its Parquet segments, believing nothing whose hash does not fit.

Here: finding files, checking the SHA-256 in their names, one SQL query, and turning away rows of another
tenant or day. Not here: counting and judging, which `reconciliation` does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mapper_domain.events import segment_folder
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_file
from mapper_domain.segments import EVENT_COLUMNS, REJECTION_COLUMNS, SEGMENT_SCHEMA_VERSION, segment_name
from mapper_domain.tenants import parse_tenant
from mapper_domain.value import Value

if TYPE_CHECKING:
    import pandas as pd

_CLICKHOUSE: Mapping[str, str] = {
    "string": "String",
    "string?": "Nullable(String)",
    "int64": "Int64",
    "double": "Float64",
    "timestamp[us, UTC]": "DateTime64(6, 'UTC')",
    "list<string>": "Array(String)",
    "map<string, double>": "Map(String, Float64)",
}
EVENTS = {name: _CLICKHOUSE[kind] for name, kind in EVENT_COLUMNS.items() if name != "event_json"}
"""ClickHouse type of every column a report reads; all of them must be in every segment."""

REJECTIONS = {name: _CLICKHOUSE[kind] for name, kind in REJECTION_COLUMNS.items()}
"""The same for refused requests."""

QUERY = """\
SELECT *, _file AS segment
FROM file({path:String}, 'Parquet', {structure:String})
WHERE _file IN {files:Array(String)}
ORDER BY occurred_at, segment"""
"""The one query behind every report, printed in it; `files` are the segments whose hash was checked."""


class Segment(Value):
    """One segment file.

    Attributes:
        name: file name, `<first id>-<first 16 hex digits of its SHA-256>.parquet`.
        sha256: SHA-256 (hex) of the bytes found.
        size: length in bytes.
        intact: whether the bytes fit the name and the file could be read.
        rows: rows read from it, including rows that belong elsewhere.
        first_event: time of its earliest event, ISO 8601 UTC, or None without rows.
        last_event: time of its latest event.
    """

    name: str
    sha256: str
    size: int
    intact: bool
    rows: int = 0
    first_event: str | None = None
    last_event: str | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """What the intact segments of a day hold.

    Attributes:
        frame: rows of this tenant and day, one column per entry of the structure plus `segment`; times are UTC.
        segments: every segment found, intact or not, by name.
        foreign: rows that name another tenant or another UTC day; they are in no count.
        problems: what is wrong with the files, one sentence each.
    """

    frame: "pd.DataFrame"
    segments: tuple[Segment, ...]
    foreign: int
    problems: tuple[str, ...]


def read_events(layout: Layout, tenant: str, day: str) -> Rows:
    """Event rows of one tenant and UTC day (`yyyy-mm-dd`), ordered by sequence.

    Raises:
        InvalidTenant: before any path is formed from the tenant id.
    """
    rows = _read(layout.events / segment_folder(parse_tenant(tenant), day), EVENTS, tenant, day)
    return Rows(rows.frame.sort_values(["sequence", "event_id"]), rows.segments, rows.foreign, rows.problems)


def read_rejections(layout: Layout, tenant: str, day: str) -> Rows:
    """Rejections of one tenant and UTC day, ordered by id.

    Raises:
        InvalidTenant: before any path is formed from the tenant id.
    """
    rows = _read(layout.rejections / segment_folder(parse_tenant(tenant), day), REJECTIONS, tenant, day)
    return Rows(rows.frame.sort_values(["rejection_id"]), rows.segments, rows.foreign, rows.problems)


def _read(folder: Path, structure: Mapping[str, str], tenant: str, day: str) -> Rows:
    inspected = [_inspect(path, structure) for path in sorted(folder.glob("*.parquet"))]
    problems = [problem for _, problem in inspected if problem]
    frame = _query(folder, structure, [segment.name for segment, _ in inspected if segment.intact])
    own = (frame["tenant_id"] == tenant) & (frame["occurred_at"].dt.strftime("%Y-%m-%d") == day)
    if foreign := int((~own).sum()):
        places = ", ".join(sorted(set(frame.loc[~own, "segment"])))
        problems.append(f"{foreign} rows name another tenant or another day and were left out: {places}.")
    segments = tuple(_described(segment, frame) for segment, _ in inspected)
    return Rows(frame[own], segments, foreign, tuple(problems))


def _inspect(path: Path, structure: Mapping[str, str]) -> tuple[Segment, str]:
    """The segment without its rows, and what is wrong with it."""
    sha256 = sha256_file(path)
    problem = ""
    if path.name != segment_name(path.stem.rpartition("-")[0], sha256):
        problem = f"Segment {path.name} was altered: its bytes hash to {sha256[:16]}."
    elif wrong := _wrong_schema(path, structure):
        problem = f"Segment {path.name} {wrong}."
    return Segment(name=path.name, sha256=sha256, size=path.stat().st_size, intact=not problem), problem


def _wrong_schema(path: Path, structure: Mapping[str, str]) -> str:
    """Checked here because the query engine would fill a missing column with empty values."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
    except pa.ArrowInvalid:
        return "is not a Parquet file"
    version = (schema.metadata or {}).get(b"schema_version", b"none").decode()
    if version != SEGMENT_SCHEMA_VERSION:
        return f"has schema version {version}, not {SEGMENT_SCHEMA_VERSION}"
    missing = [name for name in structure if name not in schema.names]
    return f"lacks the columns {', '.join(missing)}" if missing else ""


def _query(folder: Path, structure: Mapping[str, str], files: list[str]) -> "pd.DataFrame":
    import clickhouse_connect
    import pandas as pd

    times = [name for name, kind in structure.items() if kind.startswith("DateTime64")]
    frame = pd.DataFrame({column: pd.Series(dtype="object") for column in (*structure, "segment")})
    if files:
        parameters = {
            "path": str(folder.resolve() / "*.parquet"),
            "structure": ", ".join(f"{name} {kind}" for name, kind in structure.items()),
            "files": files,
        }
        client = clickhouse_connect.get_client(interface="chdb")
        try:
            frame = client.query_df(QUERY, parameters=parameters)
        finally:
            client.close()
    for name in times:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def _described(segment: Segment, frame: "pd.DataFrame") -> Segment:
    times = frame.loc[frame["segment"] == segment.name, "occurred_at"]
    if times.empty:
        return segment
    first, last = times.min(), times.max()
    return segment.model_copy(
        update={"rows": len(times), "first_event": first.isoformat(), "last_event": last.isoformat()}
    )
