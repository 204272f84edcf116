"""The outbox: acknowledged means durable, numbered without gaps, counted in the same transaction; bounded."""

import asyncio
import json
from collections import Counter, defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outbox_rows import AT, DAY, event, held, ids
from postgres_server import PostgresServer

from mapper_domain.errors import EventWriteError
from mapper_serving.outbox.open import open_outbox
from mapper_serving.outbox.rows import Event, Rejection, Row
from mapper_serving.settings import Settings

TENANTS, DAYS = st.sampled_from(["acme", "globex"]), st.sampled_from(["2026-11-22", DAY])
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20).map(json.dumps)
EVENTS = st.builds(Event, TENANTS, DAYS, st.uuids().map(str), TEXT, TEXT)
REJECTIONS = st.builds(Rejection, TENANTS, DAYS, st.uuids().map(str), st.just(AT), st.sampled_from(["not-utf8", "x"]))
SUBMISSIONS = st.lists(st.lists(EVENTS | REJECTIONS, max_size=5), max_size=12)


def append_and_check(place: Settings, submissions: list[list[Row]]) -> None:
    outbox = open_outbox(place)

    async def append_all() -> None:
        await asyncio.gather(*(outbox.append(rows) for rows in submissions))

    asyncio.run(append_all())
    rows = [row for submission in submissions for row in submission]
    assert outbox.pending == len(rows)
    outbox.close()
    sent: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        sent[row[0], row[1]].append(row)
    found = held(place)
    assert found.keys() == sent.keys()
    for key, shipment in found.items():
        events = {row.event_id: (row.record, row.event) for row in sent[key] if isinstance(row, Event)}
        assert {stored.event_id: (stored.record, stored.event) for stored in shipment.events} == events
        assert [stored.sequence for stored in shipment.events] == [n + 1 for n in range(len(events))]
        refused = {row.rejection_id: row.code for row in sent[key] if isinstance(row, Rejection)}
        assert {stored.rejection_id: stored.code for stored in shipment.rejections} == refused
        assert shipment.upto == (len(events), len(refused))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(submissions=SUBMISSIONS)
def test_whatever_is_appended_to_a_file_is_stored_numbered_and_counted(
    tmp_path_factory: pytest.TempPathFactory, submissions: list[list[Row]]
) -> None:
    append_and_check(Settings(artifacts=tmp_path_factory.mktemp("outbox"), outbox_apart=False), submissions)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(submissions=SUBMISSIONS)
def test_whatever_is_appended_to_a_database_is_stored_numbered_and_counted(
    postgres: PostgresServer, empty: Settings, submissions: list[list[Row]]
) -> None:
    append_and_check(empty, submissions)
    tables = "mapper.days, mapper.events, mapper.rejections, mapper.shipments"
    postgres.psql(empty.outbox_url.rpartition("/")[2], f"TRUNCATE {tables}")


@pytest.fixture
def empty(postgres: PostgresServer) -> Settings:
    database = postgres.database()
    return Settings(outbox_apart=False, outbox_url=database.service, outbox_owner_url=database.owner)


def test_rows_of_one_submission_keep_their_order_and_neighbours(place: Settings) -> None:
    outbox = open_outbox(place)

    async def append_all() -> None:
        await asyncio.gather(*(outbox.append([event(10 * n + k) for k in range(5)]) for n in range(20)))

    asyncio.run(append_all())
    outbox.close()
    found = [int(id_) for id_ in ids(held(place).values())]
    assert all(found[i : i + 5] == list(range(found[i], found[i] + 5)) for i in range(0, 100, 5))


def test_numbers_go_on_after_a_restart(place: Settings) -> None:
    for number in range(3):
        outbox = open_outbox(place)
        asyncio.run(outbox.append([event(number)]))
        assert outbox.pending == number + 1
        outbox.close()
    (shipment,) = held(place).values()
    assert [(stored.sequence, stored.event_id) for stored in shipment.events] == [(1, "0"), (2, "1"), (3, "2")]


def test_outboxes_in_one_place_share_one_numbering(place: Settings) -> None:
    boxes = [open_outbox(place) for _ in range(3)]

    async def append_all() -> None:
        await asyncio.gather(*(box.append([event(n)]) for n, box in enumerate(boxes * 20)))

    asyncio.run(append_all())
    for box in boxes:
        box.close()
    (shipment,) = held(place).values()
    assert [stored.sequence for stored in shipment.events] == [n + 1 for n in range(60)]
    assert Counter(ids([shipment])) == Counter(str(n) for n in range(60))


def test_a_full_outbox_refuses_and_keeps_what_it_has(place: Settings) -> None:
    outbox = open_outbox(place.model_copy(update={"outbox_max_events": 3}))
    asyncio.run(outbox.append([event(1), event(2)]))
    with pytest.raises(EventWriteError, match="full"):
        asyncio.run(outbox.append([event(3), event(4)]))
    asyncio.run(outbox.append([event(5)]))
    assert not outbox.accepts
    outbox.close()
    assert ids(held(place).values()) == ["1", "2", "5"]


def test_an_outbox_that_is_nearly_full_asks_for_no_more_and_takes_what_is_under_way(place: Settings) -> None:
    outbox = open_outbox(place.model_copy(update={"outbox_max_events": 100}))
    asyncio.run(outbox.append([event(n) for n in range(94)]))
    assert outbox.accepts
    asyncio.run(outbox.append([event(94)]))
    assert not outbox.accepts
    asyncio.run(outbox.append([event(n) for n in range(95, 100)]))
    outbox.close()


def test_what_other_processes_wrote_counts(place: Settings) -> None:
    ours, theirs = open_outbox(place), open_outbox(place)
    asyncio.run(theirs.append([event(1), event(2)]))
    ours.recount()
    asyncio.run(ours.append([event(3)]))
    assert ours.pending == 3
    assert ours.backlog.oldest is not None
    ours.close()
    theirs.close()


UNSTORABLE = {
    "not JSON": Event("acme", DAY, "2", "{}", "half a pair: \ud800"),
    "no text": Event("acme", DAY, "2", "{}", {"a", "set"}),  # type: ignore[arg-type]
    "no row": ("acme",),
}
"""Rows that fail in three ways: while they are encoded, likewise, and because they are none."""


@pytest.mark.parametrize("name", UNSTORABLE)
def test_a_row_that_cannot_be_stored_is_refused_to_its_caller_and_the_writer_lives_on(
    place: Settings, name: str
) -> None:
    outbox = open_outbox(place)
    asyncio.run(outbox.append([event(1)]))
    with pytest.raises(EventWriteError, match="cannot be written") as caught:
        asyncio.run(outbox.append([event(0), UNSTORABLE[name]]))  # type: ignore[list-item]
    assert "half a pair" not in str(caught.value)
    assert outbox.pending == 1
    asyncio.run(outbox.append([event(3)]))
    assert (outbox.problem, outbox.accepts, outbox.pending) == ("", True, 2)
    outbox.close()
    assert ids(held(place).values()) == ["1", "3"]


def test_a_listener_that_fails_costs_neither_rows_nor_the_writer(place: Settings) -> None:
    def listener(rows: int, _seconds: float) -> None:
        raise RuntimeError("no metric of that name")

    outbox = open_outbox(place, listener)
    for number in range(3):
        asyncio.run(outbox.append([event(number)]))
    outbox.close()
    assert ids(held(place).values()) == ["0", "1", "2"]


def test_a_closed_outbox_takes_nothing_more(place: Settings) -> None:
    outbox = open_outbox(place)
    outbox.close()
    with pytest.raises(EventWriteError, match="shutting down"):
        asyncio.run(outbox.append([event(1)]))
