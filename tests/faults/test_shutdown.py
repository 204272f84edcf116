"""SIGTERM under load: not ready first, then no new connections, then every answer that was begun, then shipping."""

import signal
import time
from pathlib import Path

import pytest
from service_process import Load, ServiceProcess
from shipped_events import check_exactly_once
from utc_days import around_today

from mapper_serving.objects import Folder
from mapper_serving.outbox.open import open_outbox
from mapper_serving.settings import Settings

pytestmark = pytest.mark.slow
GRACE_SECONDS = 30
"""What Kubernetes gives a pod unless told otherwise."""


def test_a_service_told_to_stop_answers_until_the_load_is_led_away_and_is_gone_in_time(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path, drain_seconds=1.5, ship_seconds=3600, shutdown_ship_seconds=20)
    with Load(service.port, service.acme) as load:
        load.wait_for(200)
        started = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        before = len(load.acknowledged)
        while service.get("/readyz")[0] == 200:
            time.sleep(0.02)
        assert "shutting down" in service.get("/readyz")[1]
        load.wait_for(20)
    service.process.wait(timeout=GRACE_SECONDS)
    took = time.monotonic() - started
    assert (load.statuses.keys(), load.broken) == ({200}, 0)
    found = check_shipped(tmp_path, load)
    assert found == len(load.acknowledged)
    print(f"{found} events, {found - before} of them after SIGTERM; gone after {took:.1f} s, no request broken")


def test_a_service_told_to_stop_under_load_that_nobody_leads_away_keeps_all_it_acknowledged(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path, ship_seconds=3600, shutdown_ship_seconds=20)
    with Load(service.port, service.acme) as load:
        load.wait_for(200)
        took = service.end(seconds=GRACE_SECONDS)
    assert load.statuses.keys() == {200}
    found = check_shipped(tmp_path, load)
    assert len(load.acknowledged) <= found <= len(load.acknowledged) + load.broken
    print(f"{found} events; gone after {took:.1f} s, {load.broken} requests broken, nothing acknowledged lost")


def check_shipped(folder: Path, load: Load) -> int:
    """Nothing is left in the outbox, and all of it is in segments once; how many events that are."""
    outbox = open_outbox(Settings(artifacts=folder))
    assert outbox.pending == 0
    outbox.close()
    return check_exactly_once(Folder(folder), load.acknowledged, around_today())


def test_a_service_that_cannot_ship_is_gone_in_time_and_keeps_its_rows(tmp_path: Path) -> None:
    (tmp_path / "in-the-way").write_text("no folder")
    service = ServiceProcess(tmp_path, segments=tmp_path / "in-the-way", shutdown_ship_seconds=1)
    with Load(service.port, service.acme) as load:
        load.wait_for(50)
    took = service.end(seconds=GRACE_SECONDS)
    outbox = open_outbox(Settings(artifacts=tmp_path))
    assert outbox.pending == len(load.acknowledged)
    outbox.close()
    print(f"{len(load.acknowledged)} events kept; gone after {took:.1f} s")
