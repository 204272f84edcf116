"""What a tenant has had recorded: rows that wait in the outbox and rows that were shipped, as one list.

Events are ordered by UTC day and by sequence within it. Sequences have no gaps and are given when an event becomes
durable, so that whoever reads a day on from a sequence misses nothing and sees nothing twice. The outbox is read first:
what is shipped meanwhile was in it then.
"""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol

import orjson
import pyarrow.parquet as pq
from cachetools import LRUCache

from mapper_domain.events import segment_folder
from mapper_serving.cursors import Place
from mapper_serving.objects import Objects
from mapper_serving.outbox.store import StoredEvent

SEGMENTS_KEPT: Final = 8
SPANS_KEPT: Final = 100_000
_VERSIONS: Mapping[str, str] = {
    "taxonomy": "taxonomy_version",
    "frameworks": "frameworks_version",
    "release": "release",
    "catalog": "catalog_sha256",
    "prompt": "prompt_version",
}


class Past(NamedTuple):
    """An event as it was stored.

    Attributes:
        record: what an `EventRecord` has besides the fields here, as JSON has it.
        event: the canonical event's JSON exactly as it was answered.
    """

    day: str
    sequence: int
    event_id: str
    recorded_at: datetime
    record: Mapping[str, Any]
    event: str

    @property
    def place(self) -> Place:
        """Where it is in the list."""
        return Place(self.day, self.sequence)

    def json(self, tenant_id: str) -> Mapping[str, object]:
        """The `EventRecord`, ready for orjson."""
        about = {"event_id": self.event_id, "tenant_id": tenant_id, "sequence": self.sequence}
        return {**about, "recorded_at": self.recorded_at, **self.record, "event": orjson.Fragment(self.event)}


class Recent(Protocol):
    """What has not been shipped yet; callable from any thread."""

    def days(self, tenant_id: str) -> Sequence[str]:
        """Every UTC day of which there ever was an event, in order."""
        ...

    def events(self, tenant_id: str, day: str, after: int, most: int) -> Sequence[StoredEvent]:
        """At most so many events of a day that wait, by sequence, from the first one after a sequence on."""
        ...


class _Span(NamedTuple):
    first: int
    last: int


class History:
    """Reads events back. Used from threads, one call at a time for each tenant's page; caches are only caches."""

    def __init__(self, recent: Recent, objects: Objects) -> None:
        """A history.

        Args:
            recent: the outbox.
            objects: where segments are shipped to.
        """
        self._recent = recent
        self._objects = objects
        self._tables: LRUCache[str, Sequence[Mapping[str, Any]]] = LRUCache(SEGMENTS_KEPT)
        self._spans: LRUCache[str, _Span] = LRUCache(SPANS_KEPT)

    def read(self, tenant_id: str, day: str | None, after: Place, most: int) -> list[Past]:
        """At most so many events after a place, of one day or of all.

        Raises:
            OSError, EventWriteError, StoreFailed: when outbox or segments cannot be read.
        """
        found: list[Past] = []
        for each in (day,) if day else self._recent.days(tenant_id):
            if each >= after.day and len(found) < most:
                start = after.sequence if each == after.day else 0
                found += self._of_day(tenant_id, each, start, most - len(found))
        return found

    def _of_day(self, tenant_id: str, day: str, start: int, most: int) -> list[Past]:
        waiting = {event.sequence: _waiting(day, event) for event in self._recent.events(tenant_id, day, start, most)}
        if start + 1 in waiting:
            return list(waiting.values())
        shipped = {past.sequence: past for past in self._shipped(tenant_id, day, start, most)}
        together = {**shipped, **waiting}
        return [together[sequence] for sequence in sorted(together)][:most]

    def _shipped(self, tenant_id: str, day: str, start: int, most: int) -> list[Past]:
        """Shipped events after a sequence. Segments lie nearly in order; where they do not, all are read."""
        keys = [key for key in self._objects.names(f"events/{segment_folder(tenant_id, day)}", "") if _is_segment(key)]
        found = self._collect(day, keys[max(0, self._place_of(keys, start) - 1) :], start, most)
        if [past.sequence for past in found] != list(range(start + 1, start + 1 + len(found))):
            found = self._collect(day, sorted(keys, key=self._span), start, most)
        return found

    def _place_of(self, keys: Sequence[str], start: int) -> int:
        """Index of the first segment that ends after a sequence."""
        low, high = 0, len(keys)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._span(keys[middle]).last > start else (middle + 1, high)
        return low

    def _collect(self, day: str, keys: Sequence[str], start: int, most: int) -> list[Past]:
        found: dict[int, Past] = {}
        for key in keys:
            if self._span(key).last > start:
                found |= {row["sequence"]: _row(day, row) for row in self._rows(key) if row["sequence"] > start}
            if len(found) >= most and found.keys() >= set(range(start + 1, start + 1 + most)):
                break
        return [found[sequence] for sequence in sorted(found)][:most]

    def _span(self, key: str) -> _Span:
        span = self._spans.get(key)
        if span is None:
            sequences = [row["sequence"] for row in self._rows(key)]
            span = self._spans[key] = _Span(min(sequences), max(sequences))
        return span

    def _rows(self, key: str) -> Sequence[Mapping[str, Any]]:
        rows = self._tables.get(key)
        if rows is None:
            content = self._objects.read(key)
            rows = pq.ParquetFile(io.BytesIO(content)).read().to_pylist() if content else []
            self._tables[key] = rows
        return rows


def _is_segment(key: str) -> bool:
    return key.endswith(".parquet")


def _waiting(day: str, event: StoredEvent) -> Past:
    record = orjson.loads(event.record)
    record["occurred_at"] = datetime.fromisoformat(record["occurred_at"])
    return Past(day, event.sequence, event.event_id, event.recorded_at, record, event.event)


def _row(day: str, row: Mapping[str, Any]) -> Past:
    record = {
        "occurred_at": row["occurred_at"],
        "source_label": row["source_label"],
        "source_label_hmac": row["source_label_hmac"],
        "versions": {name: row[column] for name, column in _VERSIONS.items()},
        "controls": row["controls"],
    }
    return Past(day, row["sequence"], row["event_id"], row["recorded_at"], record, row["event_json"])
