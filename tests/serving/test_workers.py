"""Several workers: one socket, one outbox, one set of metrics; one of them may die and nobody notices."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from serving_app import REPOSITORY, rows_of, write_keys

from mapper_domain.layout import Layout

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks processes up in /proc"),
]


class Service:
    """`python -m mapper_serving` with two workers."""

    def __init__(self, folder: Path, headers: dict[str, str]) -> None:
        self._headers = headers
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        settings = {
            "ROOT": str(REPOSITORY),
            "ARTIFACTS": str(folder),
            "KEYS": str(folder / "keys.yaml"),
            "PORT": str(self._port),
            "WORKERS": "2",
            "LOG_LEVEL": "warning",
        }
        environment = {**os.environ, **{f"MAPPER_{name}": value for name, value in settings.items()}}
        self.process = subprocess.Popen([sys.executable, "-m", "mapper_serving"], env=environment)
        wait_until(lambda: len(self.workers) == 2 and self.ready)

    @property
    def workers(self) -> list[int]:
        """Their process ids."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(child) for task in tasks for child in task.read_text().split()]

    @property
    def ready(self) -> bool:
        try:
            return self.ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        """One request over a connection of its own: whichever worker takes it answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, path, body, {**self._headers, "Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def map(self) -> int:
        return self.ask("POST", "/v1/map", json.dumps({"detector": "presidio", "output": "US_SSN"}))[0]

    def answered(self) -> float:
        """Requests all workers have answered, as any of them tells."""
        found = re.search(
            r'mapper_requests_total\{route="/v1/map",status="200"\} (\S+)', self.ask("GET", "/metrics")[1]
        )
        return float(found.group(1)) if found else 0.0


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


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
    workers = service.workers
    service.process.kill()
    service.process.wait()
    wait_until(lambda: not any(b"--worker" in command(pid) for pid in workers))


def command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
