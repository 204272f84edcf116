"""Segment files: rows as immutable Parquet, written once under the name of their content."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mapper_domain.errors import EventWriteError
from mapper_domain.segments import SEGMENT_SCHEMA_VERSION, segment_name
from mapper_serving.objects import Objects

_TYPES: Mapping[str, Any] = {
    "string": pa.string(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "timestamp[us, UTC]": pa.timestamp("us", tz="UTC"),
    "list<string>": pa.list_(pa.string()),
    "map<string, double>": pa.map_(pa.string(), pa.float64()),
}


@cache
def arrow_schema(columns: tuple[tuple[str, str], ...]) -> Any:  # pyarrow ships no types
    """The Arrow schema of published columns; a type that ends in `?` is nullable."""
    fields = [pa.field(name, _TYPES[kind.rstrip("?")], nullable=kind.endswith("?")) for name, kind in columns]
    return pa.schema(fields, metadata={"schema_version": SEGMENT_SCHEMA_VERSION})


def write(objects: Objects, folder: str, columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]) -> str:
    """Write rows as a segment, unless this very segment is there already; the key.

    The same rows give the same name. A segment that begins with the same id counts as the same one: ids are unique,
    and the rows of a shipment never change.

    Args:
        objects: where segments lie.
        folder: the tenant's day.
        columns: published columns; the first one is the id.
        rows: at least one.

    Raises:
        EventWriteError: when the segment that is there has other rows.
    """
    column = next(iter(columns))
    first_id = str(rows[0][column])
    for present in objects.names(folder, f"{first_id}-"):
        ids = read(objects, present).column(column).to_pylist()
        if ids != [row[column] for row in rows]:
            raise EventWriteError(f"Segment {present} is there with other rows; keep it and report this.")
        return present
    content = _encode(columns, rows)
    key = f"{folder}/{segment_name(first_id, hashlib.sha256(content).hexdigest())}"
    objects.create(key, content)
    return key


def read(objects: Objects, key: str) -> Any:
    """A segment as an Arrow table.

    Raises:
        EventWriteError: when it is not there.
    """
    content = objects.read(key)
    if content is None:
        raise EventWriteError(f"Segment {key} is gone; restore it.")
    return pq.read_table(pa.BufferReader(content))


def _encode(columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]) -> bytes:
    table = pa.Table.from_pylist(list(rows), schema=arrow_schema(tuple(columns.items())))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded
