"""Several workers: one socket, one outbox, one set of metrics; one of them may die and nobody notices."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_app import rows_of, write_keys
from several_workers import Service, children, command, wait_until

from mapper_domain.layout import Layout

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks processes up in /proc"),
]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    headers, _ = write_keys(tmp_path / "keys.yaml")
    service = Service(tmp_path, headers)
    yield service
    service.process.kill()
    service.process.wait()


def test_workers_share_socket_outbox_and_metrics_and_one_that_dies_is_replaced(
    service: Service, tmp_path: Path
) -> None:
    assert [service.map() for _ in range(40)] == [200] * 40
    assert {service.answered() for _ in range(6)} == {40}
    killed = service.workers[0]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in service.workers and len(service.workers) == 2 and service.ready)
    assert [service.map() for _ in range(20)] == [200] * 20
    workers = service.workers
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(timeout=120) == 0
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    events = rows_of(Layout(tmp_path).events, "acme")
    assert sorted(event["sequence"] for event in events) == list(range(1, 61))
    assert len({event["event_id"] for event in events}) == 60


def test_workers_do_not_outlive_whoever_started_them(service: Service) -> None:
    started = {pid: command(pid) for pid in children(service.process.pid)}
    assert len(started) == 3
    service.process.kill()
    service.process.wait()
    wait_until(lambda: not any(command(pid) == before for pid, before in started.items()))
