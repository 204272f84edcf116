"""Shipping: every row in segments exactly once, in whatever order things break; ledgers that fit the segments."""

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving_app import App, rows_of

from mapper_domain.errors import EventWriteError
from mapper_domain.events import CanonicalEvent, DayLedger, PolicyContext, Provenance, Versions, segment_folder
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_file
from mapper_serving.ids import uuid7
from mapper_serving.outbox.rows import Event, Rejection, Row
from mapper_serving.shipping import Shipped, ship

DAY = "2026-11-22"
AT = f"{DAY}T10:00:00+00:00"


def event(tenant: str = "acme") -> Event:
    provenance = Provenance(detector="presidio", route="rules", model="rules", tenant_id=tenant, ts=AT)
    answer = CanonicalEvent(
        taxonomy=("PII.Other",),
        scores={"PII.Other": 1.0},
        confidence=1.0,
        provenance=provenance,
        policy_context=PolicyContext(),
    )
    versions = Versions(taxonomy="1", frameworks="1", release="rules", catalog="0", prompt="1")
    record = {"occurred_at": AT, "versions": versions.model_dump(), "controls": [], "source_label": "PERSON"}
    return Event(tenant, DAY, uuid7(), json.dumps(record), answer.model_dump_json())


def rejection(tenant: str = "acme") -> Rejection:
    return Rejection(tenant, DAY, uuid7(), AT, "not-utf8")


def append(layout: Layout, rows: Iterable[Row]) -> None:
    outbox = Outbox(layout.outbox, max_rows=10_000, max_bytes=1 << 30)
    asyncio.run(outbox.append(list(rows)))
    outbox.close()


def shipped(layout: Layout, *, segment_rows: int = 1000) -> Shipped:
    rounds = list(ship(layout, segment_rows=segment_rows))
    return Shipped(sum(r.events for r in rounds), sum(r.rejections for r in rounds))


def check_complete(layout: Layout, sent: Iterable[Row]) -> None:
    """Every row sent is in the segments once, numbered without gaps, and the ledgers say so."""
    rows = list(sent)
    for tenant in {row.tenant_id for row in rows}:
        accepted = [row for row in rows if isinstance(row, Event) and row.tenant_id == tenant]
        refused = [row for row in rows if isinstance(row, Rejection) and row.tenant_id == tenant]
        found = rows_of(layout.events, tenant)
        assert sorted(row["event_id"] for row in found) == sorted(row.event_id for row in accepted)
        assert sorted(row["sequence"] for row in found) == list(range(1, len(accepted) + 1))
        assert {row["event_id"]: row["event_json"] for row in found} == {row.event_id: row.event for row in accepted}
        ids = [row["rejection_id"] for row in rows_of(layout.rejections, tenant)]
        assert sorted(ids) == sorted(row.rejection_id for row in refused)
        ledger = DayLedger.model_validate_json(
            (layout.ledgers / segment_folder(tenant, DAY) / "ledger.json").read_bytes()
        )
        assert (ledger.received, ledger.accepted, ledger.rejected, ledger.last_sequence) == (
            len(accepted) + len(refused),
            len(accepted),
            len(refused),
            len(accepted),
        )
    with closing(sqlite3.connect(layout.outbox)) as connection:
        assert connection.execute(
            "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM rejections)"
        ).fetchone() == (0,)


def test_rows_are_shipped_once_and_the_outbox_is_empty_then(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    rows = [event(), rejection(), event("globex"), event()]
    append(layout, rows)
    assert shipped(layout) == (3, 1)
    assert shipped(layout) == (0, 0)
    check_complete(layout, rows)


def test_a_segment_is_read_only_named_by_its_content_and_says_which_schema_it_has(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first = event()
    append(layout, [first, event()])
    shipped(layout)
    (segment,) = layout.events.rglob("*.parquet")
    assert segment.name == f"{first.event_id}-{sha256_file(segment)[:16]}.parquet"
    assert segment.stat().st_mode & 0o222 == 0
    assert pq.read_schema(segment).metadata[b"schema_version"] == b"1"
    assert [path.name for path in segment.parent.iterdir()] == [segment.name]


def test_a_large_backlog_becomes_several_segments(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    rows: list[Row] = [event() for _ in range(25)]
    append(layout, rows)
    assert shipped(layout, segment_rows=10) == (25, 0)
    assert sorted(pq.read_metadata(path).num_rows for path in layout.events.rglob("*.parquet")) == [5, 10, 10]
    check_complete(layout, rows)


@pytest.mark.parametrize("lost", ["nothing", "ledger", "segment", "everything"])
def test_a_shipper_killed_before_it_could_note_its_work_does_the_same_again(tmp_path: Path, lost: str) -> None:
    layout = Layout(tmp_path)
    rows = [event(), event(), rejection()]
    append(layout, rows)
    before = tmp_path / "before.sqlite"
    shutil.copy(layout.outbox, before)
    shipped(layout)
    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    restore(layout, before)
    if lost in ("ledger", "everything"):
        shutil.rmtree(layout.ledgers)
    if lost in ("segment", "everything"):
        shutil.rmtree(layout.events)
    shipped(layout)
    check_complete(layout, rows)
    assert {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.parquet")} == written


def test_rows_that_come_while_a_shipment_is_broken_go_into_the_next_one(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first, later = [event(), event()], [event(), rejection(), event()]
    append(layout, first)
    layout.ledgers.write_text("in the way")
    with pytest.raises(OSError, match="ledgers"):
        shipped(layout)
    append(layout, later)
    layout.ledgers.unlink()
    assert shipped(layout) == (4, 1)
    sizes = [pq.read_metadata(path).num_rows for path in sorted(layout.events.rglob("*.parquet"))]
    assert sizes == [2, 2]
    check_complete(layout, [*first, *later])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["event", "refuse", "ship", "break events", "break ledger"]), max_size=12))
def test_any_order_of_appending_shipping_and_failing_ends_complete(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    layout = Layout(tmp_path_factory.mktemp("ship"))
    sent: list[Row] = [event()]
    append(layout, sent)
    for step in steps:
        if step in ("event", "refuse"):
            row: Row = event() if step == "event" else rejection()
            append(layout, [row])
            sent.append(row)
        elif step == "ship":
            shipped(layout, segment_rows=2)
        else:
            ship_broken(layout, layout.events if step == "break events" else layout.ledgers)
    shipped(layout, segment_rows=2)
    check_complete(layout, sent)


def ship_broken(layout: Layout, place: Path) -> None:
    """Ship while a tenant's folder cannot be entered because a file stands in its place."""
    aside = place.with_suffix(".aside")
    if place.exists():
        place.rename(aside)
    place.write_text("in the way")
    try:
        shipped(layout, segment_rows=2)
    except OSError:
        pass
    finally:
        place.unlink()
        if aside.exists():
            aside.rename(place)


def test_a_segment_with_the_same_beginning_and_other_rows_stops_shipping(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    first = event()
    append(layout, [first])
    shipped(layout)
    append(layout, [event()])
    with closing(connect(layout.outbox)) as connection:
        connection.execute("UPDATE events SET event_id = ?", (first.event_id,))
        connection.execute("UPDATE days SET plan_accepted = 2, plan_rejected = 0")
        connection.execute(
            "INSERT INTO events SELECT tenant_id, day, 3, 'another', recorded_at, record, event FROM events"
        )
        connection.execute("UPDATE days SET accepted = 3, plan_accepted = 3")
    with pytest.raises(EventWriteError, match="other rows"):
        shipped(layout)


def test_a_killed_writers_leavings_are_swept_and_never_read(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    folder = layout.events / segment_folder("acme", DAY)
    folder.mkdir(parents=True)
    (folder / f".{'0' * 32}.partial").write_bytes(b"half")
    rows = [event()]
    append(layout, rows)
    shipped(layout)
    assert len(list(folder.iterdir())) == 1
    check_complete(layout, rows)


def test_the_command_drains_the_outbox_of_a_stopped_service(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    rows = [event(), rejection()]
    append(layout, rows)
    command = [sys.executable, "-m", "mapper_serving.shipping", "--once"]
    done = subprocess.run(command, env={"MAPPER_ARTIFACTS": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Shipped 1 events and 1 rejections")
    check_complete(layout, rows)


def test_the_service_ships_what_is_left_when_it_ends(app: App) -> None:
    app.map("presidio", "US_SSN")
    app.http.__exit__()
    assert len(app.events()) == 1


def restore(layout: Layout, copy: Path) -> None:
    """Put back the outbox as it was, as if nothing later had been committed."""
    for path in layout.outbox.parent.glob("outbox.sqlite*"):
        path.unlink()
    shutil.copy(copy, layout.outbox)
