"""The outbox in a file: what its commits mean, and what happens when the disk is full."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from outbox_rows import event, held
from serving_app import REPOSITORY

from mapper_domain.errors import EventWriteError
from mapper_serving.outbox.open import open_outbox
from mapper_serving.settings import Settings


def test_every_commit_is_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    outbox = open_outbox(Settings(artifacts=tmp_path, outbox_apart=False))
    assert outbox.durability() == {"journal_mode": "wal", "synchronous": "2"}
    outbox.close()


def test_a_full_file_refuses_the_whole_submission_and_leaves_no_gap(tmp_path: Path) -> None:
    place = Settings(artifacts=tmp_path, outbox_apart=False, outbox_max_bytes=96 * 1024)
    outbox = open_outbox(place)
    asyncio.run(outbox.append([event(1)]))
    with pytest.raises(EventWriteError, match="full"):
        asyncio.run(outbox.append([event(2), event(3, size=200_000)]))
    assert not outbox.accepts
    assert outbox.pending == 1
    asyncio.run(outbox.append([event(4)]))
    assert outbox.accepts
    outbox.close()
    (shipment,) = held(place).values()
    assert [(stored.sequence, stored.event_id) for stored in shipment.events] == [(1, "1"), (2, "4")]


def test_a_file_that_is_nearly_full_asks_for_no_more(tmp_path: Path) -> None:
    outbox = open_outbox(Settings(artifacts=tmp_path, outbox_apart=False, outbox_max_bytes=65_536 * 4))
    taken = 0
    while outbox.accepts:
        asyncio.run(outbox.append([event(taken, size=2_000)]))
        outbox.recount()
        taken += 1
    asyncio.run(outbox.append([event(taken, size=2_000)]))
    outbox.close()


def test_an_outbox_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    place = Settings(artifacts=tmp_path, outbox_apart=False)
    place.layout.outbox.mkdir(parents=True)
    with pytest.raises(EventWriteError, match="cannot be opened"):
        open_outbox(place)


def test_a_service_that_cannot_open_its_outbox_says_why_without_a_stack_trace(tmp_path: Path) -> None:
    environment = {
        "MAPPER_ROOT": str(REPOSITORY),
        "MAPPER_ARTIFACTS": str(tmp_path),
        "MAPPER_KEYS": str(tmp_path / "keys.yaml"),
        "MAPPER_OUTBOX_URL": "postgresql://somebody:secret@127.0.0.1:9/nowhere",
    }
    command = [sys.executable, "-m", "mapper_serving"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "The outbox cannot be opened: connection failed" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr
