"""What a tenant has had recorded: rows that wait in the outbox and rows that were shipped, as one list.

Events are ordered by UTC day and by sequence within it. Sequences have no gaps and are given when an event becomes
durable, so that whoever reads a day on from a sequence misses nothing and sees nothing twice. The outbox is read first:
what is shipped meanwhile was in it then.
"""

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple, Protocol

import orjson
import pyarrow as pa
from cachetools import LRUCache, cachedmethod

from mapper_domain.errors import EventWriteError, MapperError
from mapper_domain.events import segment_folder
from mapper_serving.cursors import Place
from mapper_serving.objects import Objects
from mapper_serving.outbox.store import StoredEvent, StoreFailed
from mapper_serving.shipping import segments

READERS: Final = 2
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


class HistoryUnreadable(MapperError):
    """Outbox or segments cannot be read, or a segment is damaged."""


class Recent(Protocol):
    """What has not been shipped yet; callable from any thread."""

    def days(self, tenant_id: str) -> Mapping[str, int]:
        """How many events a tenant had, waiting or shipped, on each UTC day that had any, in order."""
        ...

    def events(self, tenant_id: str, day: str, after: int, most: int) -> Sequence[StoredEvent]:
        """At most so many events of a day that wait, by sequence, from the first one after a sequence on."""
        ...


class _Span(NamedTuple):
    first: int
    last: int


class History:
    """Reads events back; from any thread."""

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
        self._lock = threading.Lock()
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="history")

    async def page(self, tenant_id: str, day: str | None, after: Place, most: int) -> list[Past]:
        """As `read`, in a thread. The threads are few and history's own, so that slow storage slows nobody else.

        Raises:
            HistoryUnreadable: when it cannot be told what they are.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self.read, tenant_id, day, after, most)

    def close(self) -> None:
        """Wait for what is being read, and read no more."""
        self._readers.shutdown(cancel_futures=True)

    def read(self, tenant_id: str, day: str | None, after: Place, most: int) -> list[Past]:
        """At most so many events after a place, of one day or of all.

        Raises:
            HistoryUnreadable: when it cannot be told what they are.
        """
        try:
            return self._read(tenant_id, day, after, most)
        except (OSError, EventWriteError, StoreFailed, pa.ArrowException) as error:
            raise HistoryUnreadable(f"Outbox or segments cannot be read ({type(error).__name__}).") from error

    def _read(self, tenant_id: str, day: str | None, after: Place, most: int) -> list[Past]:
        found: list[Past] = []
        for each, count in self._recent.days(tenant_id).items():
            if each < after.day or day not in (None, each):
                continue
            start = after.sequence if each == after.day else 0
            while start < count and len(found) < most:  # more than once only where segments are gone
                wanted = range(start + 1, min(count, start + most - len(found)) + 1)
                found += self._of_day(tenant_id, each, wanted)
                start = wanted[-1]
        return found

    def _of_day(self, tenant_id: str, day: str, wanted: range) -> list[Past]:
        """The events of these sequences, without those whose segments were removed since."""
        stored = self._recent.events(tenant_id, day, wanted.start - 1, len(wanted))
        found = {event.sequence: _waiting(day, event) for event in stored if event.sequence in wanted}
        if missing := [sequence for sequence in wanted if sequence not in found]:
            found |= self._shipped(tenant_id, day, range(missing[0], missing[-1] + 1))
        return [found[sequence] for sequence in wanted if sequence in found]

    def _shipped(self, tenant_id: str, day: str, wanted: range) -> dict[int, Past]:
        """Shipped events. Segments lie nearly in order of sequence; where they do not, all are looked at."""
        keys = self._objects.names(f"events/{segment_folder(tenant_id, day)}", "")
        found = self._collect(day, keys[max(0, self._place_of(keys, wanted.start - 1) - 1) :], wanted)
        return found if len(found) == len(wanted) else self._collect(day, keys, wanted)

    def _place_of(self, keys: Sequence[str], start: int) -> int:
        """Index of the first segment that ends after a sequence."""
        low, high = 0, len(keys)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._span(keys[middle]).last > start else (middle + 1, high)
        return low

    def _collect(self, day: str, keys: Sequence[str], wanted: range) -> dict[int, Past]:
        found: dict[int, Past] = {}
        for key in keys:
            span = self._span(key)
            if span.last >= wanted.start and span.first < wanted.stop:
                found |= {row["sequence"]: _row(day, row) for row in self._rows(key) if row["sequence"] in wanted}
            if len(found) == len(wanted):
                break
        return found

    @cachedmethod(attrgetter("_spans"), lock=attrgetter("_lock"))
    def _span(self, key: str) -> _Span:
        sequences = [row["sequence"] for row in self._rows(key)]
        return _Span(min(sequences), max(sequences))

    @cachedmethod(attrgetter("_tables"), lock=attrgetter("_lock"))
    def _rows(self, key: str) -> Sequence[Mapping[str, Any]]:
        rows: Sequence[Mapping[str, Any]] = segments.read(self._objects, key).to_pylist()
        return rows


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
