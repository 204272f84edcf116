"""Segment files in a folder: read-only, named by their content, never half written, never written over."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving_app import App
from shipping_rows import DAY, append, check_complete, event, rejection, shipped

from mapper_domain.errors import EventWriteError
from mapper_domain.events import segment_folder
from mapper_domain.release import sha256_file
from mapper_domain.segments import REJECTION_COLUMNS
from mapper_serving.objects import Folder
from mapper_serving.outbox.rows import Row
from mapper_serving.settings import Settings
from mapper_serving.shipping.segments import write


def test_a_segment_is_read_only_named_by_its_content_and_says_which_schema_it_has(tmp_path: Path) -> None:
    place = Settings(artifacts=tmp_path)
    first = event()
    append(place, [first, event()])
    shipped(place)
    (segment,) = place.layout.events.rglob("*.parquet")
    assert segment.name == f"{first.event_id}-{sha256_file(segment)[:16]}.parquet"
    assert segment.stat().st_mode & 0o222 == 0
    assert pq.read_schema(segment).metadata[b"schema_version"] == b"1"
    assert [path.name for path in segment.parent.iterdir()] == [segment.name]


def test_the_same_rows_are_the_same_segment_and_other_rows_are_refused(tmp_path: Path) -> None:
    rows = [{"rejection_id": str(n), "tenant_id": "acme", "occurred_at": None, "code": "x"} for n in range(2)]
    columns = {**REJECTION_COLUMNS, "occurred_at": "timestamp[us, UTC]?"}
    objects = Folder(tmp_path)
    first = write(objects, "a/b", columns, rows)
    assert write(objects, "a/b", columns, rows) == first
    with pytest.raises(EventWriteError, match="other rows"):
        write(objects, "a/b", columns, rows[:1])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["event", "refuse", "ship", "break events", "break ledger"]), max_size=12))
def test_any_order_of_appending_shipping_and_failing_ends_complete(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    place = Settings(artifacts=tmp_path_factory.mktemp("ship"), outbox_apart=False, segment_rows=2)
    sent: list[Row] = [event()]
    append(place, sent)
    for step in steps:
        if step in ("event", "refuse"):
            row: Row = event() if step == "event" else rejection()
            append(place, [row])
            sent.append(row)
        elif step == "ship":
            shipped(place)
        else:
            ship_broken(place, place.layout.events if step == "break events" else place.layout.ledgers)
    shipped(place)
    check_complete(place, sent)


def ship_broken(place: Settings, folder: Path) -> None:
    """Ship while a tenant's folder cannot be entered because a file stands in its place."""
    aside = folder.with_suffix(".aside")
    if folder.exists():
        folder.rename(aside)
    folder.write_text("in the way")
    try:
        shipped(place)
    except OSError:
        pass
    finally:
        folder.unlink()
        if aside.exists():
            aside.rename(folder)


def test_a_killed_writers_leavings_are_swept_and_never_read(tmp_path: Path) -> None:
    place = Settings(artifacts=tmp_path)
    folder = place.layout.events / segment_folder("acme", DAY)
    folder.mkdir(parents=True)
    (folder / f".{'0' * 32}.partial").write_bytes(b"half")
    rows = [event()]
    append(place, rows)
    shipped(place)
    assert len(list(folder.iterdir())) == 1
    check_complete(place, rows)


def test_the_command_drains_the_outbox_of_a_stopped_service(tmp_path: Path) -> None:
    place = Settings(artifacts=tmp_path)
    rows = [event(), rejection()]
    append(place, rows)
    command = [sys.executable, "-m", "mapper_serving.shipping", "--once"]
    done = subprocess.run(command, env={"MAPPER_ARTIFACTS": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Shipped 1 events and 1 rejections")
    check_complete(place, rows)


def test_the_service_ships_what_is_left_when_it_ends(app: App) -> None:
    app.map("presidio", "US_SSN")
    app.http.__exit__()
    assert len(app.events()) == 1
