"""The process that commits the outbox is killed or stopped under load: nothing acknowledged is lost."""

import os
import signal
from pathlib import Path

import pytest
from service_process import Load, ServiceProcess
from shipped_events import check_exactly_once
from utc_days import around_today

from mapper_serving.objects import Folder

pytestmark = pytest.mark.slow
ROUNDS = 3


def test_a_writer_killed_under_load_loses_nothing_acknowledged_and_is_back_without_a_restart(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path)
    with Load(service.port, service.acme) as load:
        for _ in range(ROUNDS):
            load.wait_for(50)
            os.kill(service.writer, signal.SIGKILL)
            service.wait_until_ready(60)
        load.wait_for(50)
    failures = service.metric("mapper_outbox_failures_total")
    service.end()
    service.ship()
    assert load.broken == 0
    assert load.statuses.keys() <= {200, 503}
    assert failures <= ROUNDS
    found = check_exactly_once(Folder(tmp_path), load.acknowledged, around_today())
    extra = found - len(load.acknowledged)
    assert 0 <= extra <= load.statuses[503]  # committed, and the writer did not live to say so
    refused = load.statuses[503]
    print(f"{found} events, each once, over {ROUNDS} killed writers; {refused} requests refused, {extra} in doubt")


def test_a_writer_that_stands_still_is_waited_for(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path)
    with Load(service.port, service.acme) as load:
        load.wait_for(50)
        os.kill(service.writer, signal.SIGSTOP)
        assert service.get("/livez")[0] == 200
        os.kill(service.writer, signal.SIGCONT)
        load.wait_for(50)
    service.end()
    service.ship()
    assert (load.statuses.keys(), load.broken) == ({200}, 0)
    assert check_exactly_once(Folder(tmp_path), load.acknowledged, around_today()) == len(load.acknowledged)
