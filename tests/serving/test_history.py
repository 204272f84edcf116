"""Reading events back: waiting and shipped rows are one list, however they were cut into segments and whoever ships."""

import threading
from pathlib import Path

import pytest
from shipping_rows import DAY, append, event, objects_of, shipped

from mapper_domain.events import segment_folder
from mapper_serving.cursors import Place
from mapper_serving.history import History
from mapper_serving.objects import Folder
from mapper_serving.outbox.open import open_outbox
from mapper_serving.settings import Settings

BEFORE = Place("0000-00-00", 0)


class Counting(Folder):
    """The real folder, which counts what is read from it."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads = 0

    def read(self, key: str) -> bytes | None:
        """As `Folder.read`, counted."""
        self.reads += 1
        return super().read(key)


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    """Settings of an empty outbox that ships three rows at a time."""
    return Settings(artifacts=tmp_path, segment_rows=3)


def sequences(history: History, after: int = 0, most: int = 1000, day: str | None = DAY) -> list[int]:
    return [past.sequence for past in history.read("acme", day, Place(DAY, after) if after else BEFORE, most)]


def test_every_start_and_every_size_of_a_page_is_without_gap(place: Settings) -> None:
    for _ in range(4):
        append(place, [event() for _ in range(5)])
        shipped(place)
    append(place, [event() for _ in range(4)])
    outbox = open_outbox(place)
    history = History(outbox, objects_of(place))
    for after in range(25):
        for most in (1, 2, 7, 30):
            assert sequences(history, after, most) == list(range(after + 1, min(24, after + most) + 1))
    outbox.close()


def test_segments_whose_names_are_not_in_order_of_sequence_are_read_all_the_same(place: Settings) -> None:
    rows = [event() for _ in range(12)]
    append(place, [rows[index] for index in (9, 10, 11, 0, 1, 2, 6, 7, 8, 3, 4, 5)])
    shipped(place)
    outbox = open_outbox(place)
    history = History(outbox, objects_of(place))
    for after in range(12):
        assert sequences(history, after, 4) == list(range(after + 1, min(12, after + 4) + 1))
    outbox.close()


def test_a_page_far_into_a_day_reads_few_segments(place: Settings) -> None:
    append(place, [event() for _ in range(300)])
    shipped(place)
    outbox = open_outbox(place)
    folder = Counting(place.artifacts)
    assert len(folder.names(f"events/{segment_folder('acme', DAY)}", "")) == 100
    history = History(outbox, folder)
    assert sequences(history, 200, 5) == [201, 202, 203, 204, 205]
    assert folder.reads < 15
    outbox.close()


def test_days_come_one_after_the_other_and_tenants_apart(place: Settings) -> None:
    append(place, [event(day="2026-11-21"), event(), event("globex")])
    shipped(place)
    append(place, [event(day="2026-11-21"), event()])
    outbox = open_outbox(place)
    history = History(outbox, objects_of(place))
    found = [past.place for past in history.read("acme", None, BEFORE, 10)]
    assert found == [Place("2026-11-21", 1), Place("2026-11-21", 2), Place(DAY, 1), Place(DAY, 2)]
    assert [past.place for past in history.read("globex", None, BEFORE, 10)] == [Place(DAY, 1)]
    assert history.read("nobody", None, BEFORE, 10) == []
    outbox.close()


def test_events_whose_segments_were_removed_are_passed_over(place: Settings) -> None:
    append(place, [event() for _ in range(12)])
    shipped(place)
    for path in sorted((place.artifacts / "events" / segment_folder("acme", DAY)).iterdir())[:2]:
        path.unlink()
    outbox = open_outbox(place)
    assert sequences(History(outbox, objects_of(place)), 0, 4) == [7, 8, 9, 10]
    outbox.close()


def test_while_rows_move_to_segments_a_reader_misses_none(place: Settings) -> None:
    append(place, [event() for _ in range(90)])
    outbox = open_outbox(place)
    history = History(outbox, objects_of(place))
    shipping = threading.Thread(target=shipped, args=(place,))
    shipping.start()
    seen = [sequences(history)]
    while shipping.is_alive():
        seen.append(sequences(history))
    shipping.join()
    seen.append(sequences(history))
    assert all(page == list(range(1, 91)) for page in seen)
    outbox.close()
