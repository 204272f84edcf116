"""`python -m mapper_serving` as its own process, and callers who note what they were told."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from serving_app import REPOSITORY, write_keys

HEADERS = {"Content-Type": "application/json"}


class ServiceProcess:
    """The service on a free port, with its artefacts below a folder.

    Attributes:
        acme: headers of a key of the tenant `acme`.
    """

    def __init__(self, folder: Path, **settings: object) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.acme, _ = write_keys(folder / "keys.yaml")
        chosen = {
            "root": REPOSITORY,
            "artifacts": folder,
            "keys": folder / "keys.yaml",
            "port": self.port,
            "ship_seconds": 0.2,
            "log_level": "error",
            **settings,
        }
        self.environment = {**os.environ, **{f"MAPPER_{name.upper()}": str(value) for name, value in chosen.items()}}
        self.process = subprocess.Popen([sys.executable, "-m", "mapper_serving"], env=self.environment)
        self.wait_until_ready()

    @property
    def children(self) -> list[int]:
        """Process ids of what it started: the writer of its outbox, and the shipper."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    @property
    def writer(self) -> int:
        """Process id of the one that writes its outbox."""
        (found,) = [pid for pid in self.children if b"outbox.writer" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return found

    def wait_until_ready(self, seconds: float = 120) -> None:
        """Return when it says that it is ready."""
        end = time.monotonic() + seconds
        while self.get("/readyz")[0] != 200:
            assert self.process.poll() is None, "the service ended before it was ready"
            assert time.monotonic() < end, "the service was not ready in time"
            time.sleep(0.05)

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of a page; status 0 where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def metric(self, series: str) -> float:
        """Value of one series, 0 when it does not exist."""
        for line in self.get("/metrics")[1].splitlines():
            if line.startswith(series + " "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def end(self, how: signal.Signals = signal.SIGTERM, seconds: float = 60) -> float:
        """Send a signal and wait; how long it took."""
        started = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(timeout=seconds)
        return time.monotonic() - started

    def ship(self) -> None:
        """Ship by hand what a service that has ended left in its outbox."""
        command = [sys.executable, "-m", "mapper_serving.shipping", "--once"]
        subprocess.run(command, env=self.environment, stdout=subprocess.DEVNULL, check=True)


class Load:
    """Callers who send known labels until they are stopped; use it as a context.

    Attributes:
        acknowledged: ids of events that were answered with 200.
        statuses: how often each status came.
        broken: requests that were sent and not answered.
    """

    def __init__(self, port: int, headers: Mapping[str, str], callers: int = 8) -> None:
        self.acknowledged: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.broken = 0
        self._port, self._headers = port, {**HEADERS, **headers}
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._callers = [threading.Thread(target=self._call) for _ in range(callers)]

    def __enter__(self) -> "Load":
        for caller in self._callers:
            caller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for caller in self._callers:
            caller.join(timeout=60)
            assert not caller.is_alive()

    def wait_for(self, events: int, seconds: float = 180) -> None:
        """Return when so many more events have been acknowledged."""
        goal, end = len(self.acknowledged) + events, time.monotonic() + seconds
        while len(self.acknowledged) < goal:
            assert time.monotonic() < end, f"only {len(self.acknowledged)} of {goal} events: {self.statuses}"
            time.sleep(0.02)

    def wait_for_status(self, status: int, seconds: float = 180) -> None:
        """Return when a status has come."""
        end = time.monotonic() + seconds
        while not self.statuses[status]:
            assert time.monotonic() < end, f"no {status}: {self.statuses}"
            time.sleep(0.02)

    def _call(self) -> None:
        body = json.dumps({"detector": "presidio", "output": "US_SSN"})
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.is_set():
            try:
                connection.connect() if connection.sock is None else None
            except OSError:
                time.sleep(0.05)
                continue
            try:
                connection.request("POST", "/map", body, self._headers)
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                with self._lock:
                    self.broken += 1
                continue
            with self._lock:
                self.statuses[response.status] += 1
                if response.status == 200:
                    self.acknowledged.append(response.headers["X-Event-Id"])
            if response.status == 503:
                time.sleep(0.05)
