"""Segment files: rows as immutable Parquet, written once under the name of their content."""

import hashlib
import os
import re
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mapper_domain.errors import EventWriteError
from mapper_domain.segments import SEGMENT_SCHEMA_VERSION, segment_name

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


def write(folder: Path, columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]) -> Path:
    """Write rows as a segment, unless this very segment is there already.

    The file appears complete, on disk and read-only, or not at all. The same rows give the same name. A segment
    that begins with the same id counts as the same one: ids are unique, and the rows of a shipment never change.

    Args:
        folder: the tenant's day.
        columns: published columns; the first one is the id.
        rows: at least one.

    Raises:
        EventWriteError: when the segment that is there has other rows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key = next(iter(columns))
    first_id = str(rows[0][key])
    for present in folder.glob(f"{first_id}-*.parquet"):
        ids = pq.read_table(present, columns=[key]).column(key).to_pylist()
        if ids != [row[key] for row in rows]:
            raise EventWriteError(f"Segment {present.name} is there with other rows; keep it and report this.")
        return present
    content = _encode(columns, rows)
    path = folder / segment_name(first_id, hashlib.sha256(content).hexdigest())
    partial = folder / f".{uuid.uuid4().hex}.partial"
    _write_durably(partial, content, mode=0o444)
    try:
        os.link(partial, path)  # unlike a rename, this fails when the name is taken
    finally:
        partial.unlink()
    _sync_folder(folder)
    return path


def replace(path: Path, content: bytes) -> None:
    """Put content in place of a file atomically and durably."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{uuid.uuid4().hex}.partial"
    _write_durably(partial, content, mode=0o644)
    partial.replace(path)
    _sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what a killed writer left unfinished in a folder."""
    for path in folder.glob(".*.partial"):
        if re.fullmatch(r"\.[0-9a-f]{32}\.partial", path.name):
            path.unlink(missing_ok=True)


def _encode(columns: Mapping[str, str], rows: Sequence[Mapping[str, object]]) -> bytes:
    table = pa.Table.from_pylist(list(rows), schema=arrow_schema(tuple(columns.items())))
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    encoded: bytes = sink.getvalue().to_pybytes()
    return encoded


def _write_durably(path: Path, content: bytes, *, mode: int) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
