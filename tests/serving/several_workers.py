"""`python -m mapper_serving` with two workers, and what of it can be seen from outside. Linux only."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving_app import REPOSITORY


class Service:
    """The service with two workers, on a free port, with its artefacts below a folder.

    Attributes:
        process: what starts the workers.
        log: what all of its processes log.
    """

    def __init__(self, folder: Path, headers: dict[str, str], **more: str) -> None:
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
            **more,
        }
        environment = {**os.environ, **{f"MAPPER_{name}": value for name, value in settings.items()}}
        self.log = folder / "service.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "mapper_serving"], env=environment, stderr=log)
        wait_until(lambda: len(self.workers) == 2 and self.ready)

    @property
    def workers(self) -> list[int]:
        """Their process ids."""
        return [pid for pid in children(self.process.pid) if b"--worker" in command(pid)]

    @property
    def hosts(self) -> list[int]:
        """Process ids of engine hosts; there is one, but for moments after it ended."""
        return [pid for pid in children(self.process.pid) if b"mapper_serving.engines.host" in command(pid)]

    @property
    def ready(self) -> bool:
        """Whether a worker says so."""
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

    def map(self, label: str = "US_SSN") -> int:
        """Status of the answer to a label."""
        return self.ask("POST", "/v1/map", json.dumps({"detector": "presidio", "output": label}))[0]

    def answered(self) -> float:
        """Requests all workers have answered, as any of them tells."""
        return self.metric('mapper_requests_total{route="/v1/map",status="200"}')

    def metric(self, series: str) -> float:
        """The sum of a series over all workers, as any of them tells; 0 where there is none."""
        lines = self.ask("GET", "/metrics")[1].splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(series + " ")), 0.0)

    def readiness(self) -> dict[str, Any]:
        """What `/readyz` of one of them says."""
        found: dict[str, Any] = json.loads(self.ask("GET", "/readyz")[1])
        return found


def wait_until(true: Callable[[], bool]) -> None:
    """Return when it is so; fail when it is not in time."""
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def children(process: int) -> list[int]:
    """Process ids of what a process has started and not waited for."""
    try:
        tasks = [task.read_text() for task in Path(f"/proc/{process}/task").glob("*/children")]
    except OSError:
        return []
    return [int(child) for task in tasks for child in task.split()]


def command(process: int) -> bytes:
    """Its command line; empty when it is gone."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
