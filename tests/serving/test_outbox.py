"""The outbox: acknowledged means on disk, numbered without gaps, counted in the same transaction; bounded."""

import asyncio
import json
import sqlite3
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving_app import App, running_app

from mapper_domain.errors import EventWriteError
from mapper_serving.outbox import Event, Outbox, Rejection, Row
from mapper_serving.state import Serving

AT = "2026-11-23T10:00:00+00:00"
TENANTS, DAYS = st.sampled_from(["acme", "globex"]), st.sampled_from(["2026-11-22", "2026-11-23"])
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20).map(json.dumps)
EVENTS = st.builds(Event, TENANTS, DAYS, st.uuids().map(str), TEXT, TEXT)
REJECTIONS = st.builds(Rejection, TENANTS, DAYS, st.uuids().map(str), st.just(AT), st.sampled_from(["not-utf8", "x"]))


def opened(path: Path, *, max_rows: int = 100_000, max_bytes: int = 1 << 30) -> Outbox:
    return Outbox(path / "outbox.sqlite", max_rows=max_rows, max_bytes=max_bytes)


def event(number: int, size: int = 10) -> Event:
    return Event("acme", "2026-11-23", str(number), "{}", "x" * size)


def read(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path / "outbox.sqlite")) as connection:
        return connection.execute(query).fetchall()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(submissions=st.lists(st.lists(EVENTS | REJECTIONS, max_size=5), max_size=12))
def test_whatever_is_appended_at_once_is_stored_numbered_and_counted(
    tmp_path_factory: pytest.TempPathFactory, submissions: list[list[Row]]
) -> None:
    path = tmp_path_factory.mktemp("outbox")
    outbox = opened(path)

    async def append_all() -> None:
        await asyncio.gather(*(outbox.append(rows) for rows in submissions))

    asyncio.run(append_all())
    rows = [row for submission in submissions for row in submission]
    assert outbox.pending == len(rows)
    outbox.close()
    for kind, table, counted in ((Event, "events", "accepted"), (Rejection, "rejections", "rejected")):
        sent = Counter((row.tenant_id, row.day) for row in rows if isinstance(row, kind))
        for key, count in sent.items():
            where = "WHERE tenant_id = '{}' AND day = '{}'".format(*key)
            assert read(path, f"SELECT sequence FROM {table} {where} ORDER BY 1") == [(n + 1,) for n in range(count)]
            assert read(path, f"SELECT {counted} FROM days {where}") == [(count,)]
        assert read(path, f"SELECT count(*) FROM {table}") == [(sent.total(),)]
    stored = {row[0]: row[1:] for row in read(path, "SELECT event_id, tenant_id, day, record, event FROM events")}
    assert stored == {
        row.event_id: (row.tenant_id, row.day, row.record, row.event) for row in rows if isinstance(row, Event)
    }


def test_rows_of_one_submission_keep_their_order_and_neighbours(tmp_path: Path) -> None:
    outbox = opened(tmp_path)

    async def append_all() -> None:
        await asyncio.gather(*(outbox.append([event(10 * n + k) for k in range(5)]) for n in range(20)))

    asyncio.run(append_all())
    outbox.close()
    ids = [int(str(row[0])) for row in read(tmp_path, "SELECT event_id FROM events ORDER BY sequence")]
    assert all(ids[i : i + 5] == list(range(ids[i], ids[i] + 5)) for i in range(0, 100, 5))


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    for number in range(3):
        outbox = opened(tmp_path)
        asyncio.run(outbox.append([event(number)]))
        assert outbox.pending == number + 1
        outbox.close()
    assert read(tmp_path, "SELECT sequence, event_id FROM events") == [(1, "0"), (2, "1"), (3, "2")]


def test_two_outboxes_on_one_file_share_one_numbering(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)

    async def append_all() -> None:
        await asyncio.gather(*(box.append([event(n)]) for n, box in enumerate([first, second] * 20)))

    asyncio.run(append_all())
    first.close()
    second.close()
    assert read(tmp_path, "SELECT sequence FROM events ORDER BY 1") == [(n + 1,) for n in range(40)]


def test_every_commit_is_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    assert outbox.durability() == ("wal", 2)
    outbox.close()


def test_a_full_outbox_refuses_and_keeps_what_it_has(tmp_path: Path) -> None:
    outbox = opened(tmp_path, max_rows=3)
    asyncio.run(outbox.append([event(1), event(2)]))
    with pytest.raises(EventWriteError, match="full"):
        asyncio.run(outbox.append([event(3), event(4)]))
    asyncio.run(outbox.append([event(5)]))
    assert not outbox.accepts
    assert read(tmp_path, "SELECT event_id FROM events ORDER BY sequence") == [("1",), ("2",), ("5",)]
    outbox.close()


def test_an_outbox_somebody_else_has_drained_accepts_again(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, outbox_max_events=2, ship_seconds=0.2) as app:
        end = time.monotonic() + 30
        accepted = 0
        while accepted < 6:
            accepted += fill(app) == 200
            assert time.monotonic() < end
            app.ship()


def test_a_full_disk_refuses_the_whole_submission_and_leaves_no_gap(tmp_path: Path) -> None:
    outbox = opened(tmp_path, max_bytes=96 * 1024)
    asyncio.run(outbox.append([event(1)]))
    with pytest.raises(EventWriteError, match="full"):
        asyncio.run(outbox.append([event(2), event(3, size=200_000)]))
    assert not outbox.accepts
    assert outbox.pending == 1
    asyncio.run(outbox.append([event(4)]))
    assert outbox.accepts
    outbox.close()
    assert read(tmp_path, "SELECT sequence, event_id FROM events") == [(1, "1"), (2, "4")]


UNSTORABLE = {
    "not JSON": Event("acme", "2026-11-23", "2", "{}", "half a pair: \ud800"),
    "no text": Event("acme", "2026-11-23", "2", "{}", {"a", "set"}),  # type: ignore[arg-type]
    "no row": ("acme",),
}
"""Rows that fail in three ways: while they are encoded, likewise, and in SQLite."""


@pytest.mark.parametrize("name", UNSTORABLE)
def test_a_row_that_cannot_be_stored_is_refused_to_its_caller_and_the_writer_lives_on(
    tmp_path: Path, name: str
) -> None:
    outbox = opened(tmp_path)
    asyncio.run(outbox.append([event(1)]))
    with pytest.raises(EventWriteError, match="cannot be written") as caught:
        asyncio.run(outbox.append([event(0), UNSTORABLE[name]]))  # type: ignore[list-item]
    assert "half a pair" not in str(caught.value)
    assert outbox.pending == 1
    asyncio.run(outbox.append([event(3)]))
    assert (outbox.problem, outbox.accepts, outbox.pending) == ("", True, 2)
    outbox.close()
    assert read(tmp_path, "SELECT sequence, event_id FROM events") == [(1, "1"), (2, "3")]


def test_a_listener_that_fails_costs_neither_rows_nor_the_writer(tmp_path: Path) -> None:
    def listener(rows: int, _seconds: float) -> None:
        raise RuntimeError("no metric of that name")

    outbox = Outbox(tmp_path / "outbox.sqlite", max_rows=10, max_bytes=1 << 30, on_commit=listener)
    for number in range(3):
        asyncio.run(outbox.append([event(number)]))
    outbox.close()
    assert read(tmp_path, "SELECT event_id FROM events ORDER BY sequence") == [("0",), ("1",), ("2",)]


def test_a_closed_outbox_takes_nothing_more(tmp_path: Path) -> None:
    outbox = opened(tmp_path)
    outbox.close()
    with pytest.raises(EventWriteError, match="shutting down"):
        asyncio.run(outbox.append([event(1)]))


def test_an_outbox_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "outbox.sqlite").mkdir()
    with pytest.raises(EventWriteError, match="cannot be opened"):
        opened(tmp_path)


@pytest.mark.parametrize("path", ["/map", "/map/batch"])
def test_the_service_answers_503_rather_than_map_without_recording(tmp_path: Path, rules: Serving, path: str) -> None:
    item = {"detector": "presidio", "output": "US_SSN"}
    body = item if path == "/map" else {"items": [item]}
    with running_app(tmp_path, rules, outbox_max_events=2) as app:
        statuses = [app.http.post(path, json=body, headers=app.acme).status_code for _ in range(4)]
        assert statuses == [200, 200, 503, 503]
        refused = app.http.post("/map", content=b"{", headers=app.acme)
        assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (
            503,
            "not-recorded",
            "1",
        )
        ready = app.http.get("/readyz")
        assert (ready.status_code, ready.json()["problems"]) == (503, ["The outbox is full or closed."])
        assert app.metric("mapper_outbox_pending_events") == 2
    app.ship()
    assert len(app.events()) == 2


def test_a_disk_that_fills_up_under_the_service_is_503_and_not_ready(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, outbox_max_bytes=65_536) as app:
        statuses = [fill(app) for _ in range(100)]
        assert statuses[0] == 200
        assert statuses[-1] == 503
        assert app.http.get("/readyz").status_code == 503
        assert app.metric("mapper_outbox_failures_total") > 0
    app.ship()
    assert len(app.events()) == statuses.count(200)
    assert [ledger["received"] for ledger in app.ledgers()] == [statuses.count(200)]


def fill(app: App) -> int:
    return int(app.map("presidio", "US_SSN").status_code)
