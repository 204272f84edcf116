"""Several processes on one outbox file: one numbering, one shipper at a time, and one of them may die."""

import signal
import time
from pathlib import Path

import pytest
from service_process import Load, ServiceProcess
from shipped_events import check_exactly_once
from utc_days import around_today

from mapper_serving.objects import Folder
from mapper_serving.outbox.open import open_outbox
from mapper_serving.outbox.writer import RECOUNT_SECONDS
from mapper_serving.settings import Settings

pytestmark = pytest.mark.slow


def test_processes_share_one_file_and_outlive_each_other(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    workers = []
    for name in ("one", "two", "three"):
        (tmp_path / name).mkdir()
        workers.append(ServiceProcess(tmp_path / name, artifacts=shared, segment_rows=20))
    loads = [Load(worker.port, worker.acme, callers=4) for worker in workers]
    with loads[0], loads[1]:
        with loads[2]:
            for load in loads:
                load.wait_for(100)
            workers[2].end(signal.SIGKILL)
        for load in loads[:2]:
            load.wait_for(50)
    for worker in workers[:2]:
        worker.end()
    workers[0].ship()
    acknowledged = [id_ for load in loads for id_ in load.acknowledged]
    found = check_exactly_once(Folder(shared), acknowledged, around_today())
    assert loads[0].broken == loads[1].broken == 0
    assert len(acknowledged) <= found <= len(acknowledged) + loads[2].broken
    print(f"{found} events of three processes, one of them killed, numbered 1 to {found} without a gap")


def test_a_worker_learns_what_the_others_have_put_into_the_outbox(tmp_path: Path) -> None:
    settings = {"artifacts": tmp_path / "shared", "outbox_max_events": 100, "ship_seconds": 3600}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (ServiceProcess(tmp_path / name, **settings) for name in ("one", "two"))
    loads = [Load(one.port, one.acme, callers=1), Load(two.port, two.acme, callers=1)]
    with loads[0]:
        loads[0].wait_for_status(503)
    time.sleep(2 * RECOUNT_SECONDS)  # the other one may not have looked for so long
    with loads[1]:
        loads[1].wait_for_status(503)
    for worker in (one, two):
        worker.process.kill()
        worker.process.wait()
    outbox = open_outbox(Settings.model_validate(settings))
    assert 95 < outbox.pending <= 110
    outbox.close()
