"""Shipping: every row in segments exactly once, in whatever order things break; ledgers that fit the segments."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from shipping_rows import append, check_complete, event, objects_of, rejection, rows_at, shipped

from mapper_domain.errors import EventWriteError
from mapper_domain.events import segment_folder
from mapper_serving.objects import Change, Objects
from mapper_serving.outbox.open import draining
from mapper_serving.outbox.rows import Row
from mapper_serving.settings import Settings
from mapper_serving.shipping.drain import ship

FOLDER = segment_folder("acme", "2026-11-22")


class Breaking:
    """Stands in for an object store that fails at one of its calls, before or after it has done what it was asked."""

    def __init__(self, objects: Objects, call: int, *, after: bool) -> None:
        self._objects, self._left, self._after = objects, call, after

    def names(self, folder: str, beginning: str) -> list[str]:
        return self._objects.names(folder, beginning)

    def read(self, key: str) -> bytes | None:
        return self._objects.read(key)

    def create(self, key: str, content: bytes) -> bool:
        self._fail(not self._after)
        created = self._objects.create(key, content)
        self._fail(self._after)
        return created

    def update(self, key: str, change: Change) -> None:
        self._fail(not self._after)
        self._objects.update(key, change)
        self._fail(self._after)

    def _fail(self, due: bool) -> None:
        if due:
            self._left -= 1
            if self._left == 0:
                raise EventWriteError("The object store is gone.")


def test_rows_are_shipped_once_and_the_outbox_is_empty_then(place: Settings) -> None:
    rows = [event(), rejection(), event("globex"), event(day="2026-11-21"), event()]
    append(place, rows)
    assert shipped(place) == (4, 1)
    assert shipped(place) == (0, 0)
    check_complete(place, rows)


def test_a_large_backlog_becomes_several_segments(place: Settings) -> None:
    rows: list[Row] = [event() for _ in range(25)]
    append(place, rows)
    assert shipped(place.model_copy(update={"segment_rows": 10})) == (25, 0)
    assert len(objects_of(place).names(f"events/{FOLDER}", "")) == 3
    check_complete(place, rows)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_a_round_that_breaks_is_done_again_with_the_same_rows(place: Settings, call: int, after: bool) -> None:
    first: list[Row] = [event(), event(), rejection()]
    append(place, first)
    objects = objects_of(place)
    with pytest.raises(EventWriteError, match="gone"):
        ship_to(place, Breaking(objects, call, after=after))
    before = objects.names(f"events/{FOLDER}", "")
    later = [event(), rejection(), event()]
    append(place, later)
    assert shipped(place) == (4, 2)
    assert set(before) <= set(objects.names(f"events/{FOLDER}", ""))
    assert len(objects.names(f"events/{FOLDER}", "")) == 2
    check_complete(place, [*first, *later])


def ship_to(place: Settings, objects: Objects) -> None:
    with draining(place, "segments", wait=True) as drain:
        assert drain is not None
        list(ship(drain, objects, rows=1000))


def test_shippers_at_the_same_time_share_the_work(place: Settings) -> None:
    rows: list[Row] = [event(f"tenant-{n % 7}") for n in range(140)]
    append(place, rows)
    small = place.model_copy(update={"segment_rows": 5})
    with ThreadPoolExecutor(4) as pool:
        moved = list(pool.map(lambda _: shipped(small), range(4)))
    assert sum(events for events, _ in moved) == 140
    check_complete(place, rows)


def test_a_slow_shipper_does_not_put_an_older_ledger_over_a_newer_one(place: Settings) -> None:
    rows = [event(), event()]
    append(place, rows)
    shipped(place)
    newest = objects_of(place).read(f"ledgers/{FOLDER}/ledger.json")
    assert newest is not None
    objects_of(place).update(
        f"ledgers/{FOLDER}/ledger.json", lambda _: newest.replace(b'"received":2', b'"received":9')
    )
    append(place, [event()])
    shipped(place)
    assert b'"received":9' in (objects_of(place).read(f"ledgers/{FOLDER}/ledger.json") or b"")


def test_a_segment_with_the_same_beginning_and_other_rows_stops_shipping(place: Settings) -> None:
    first = event()
    append(place, [first, event()])
    objects = objects_of(place)
    objects.create(f"events/{FOLDER}/{first.event_id}-{'0' * 16}.parquet", b"")
    append(place, [event()])
    key = f"events/{FOLDER}/{first.event_id}-{'0' * 16}.parquet"
    assert objects.names(f"events/{FOLDER}", first.event_id) == [key]
    with pytest.raises(Exception, match=r"parquet|Parquet"):
        shipped(place)
    assert rows_at(objects, f"rejections/{FOLDER}") == []
