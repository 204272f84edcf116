"""`kill -9` of the real service under load: no acknowledged event is lost, none is there twice."""

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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving_app import REPOSITORY, rows_of, write_keys

from mapper_domain.events import DayLedger
from mapper_domain.layout import Layout

pytestmark = pytest.mark.slow

ROUNDS = 3
CALLERS = 8


class Server:
    """`python -m mapper_serving` as its own process."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        environment = {
            **os.environ,
            "MAPPER_ROOT": str(REPOSITORY),
            "MAPPER_ARTIFACTS": str(folder),
            "MAPPER_KEYS": str(folder / "keys.yaml"),
            "MAPPER_PORT": str(self.port),
            "MAPPER_SHIP_SECONDS": "0.05",
            "MAPPER_SEGMENT_ROWS": "20",
            "MAPPER_LOG_LEVEL": "warning",
        }
        self.process = subprocess.Popen([sys.executable, "-m", "mapper_serving"], env=environment)
        end = time.monotonic() + 120
        while not self._ready():
            assert self.process.poll() is None, "the service ended before it was ready"
            assert time.monotonic() < end, "the service was not ready in time"
            time.sleep(0.1)

    def _ready(self) -> bool:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False

    def end(self, how: signal.Signals) -> None:
        """Send a signal and wait."""
        self.process.send_signal(how)
        self.process.wait(timeout=60)


def call(port: int, headers: dict[str, str], acknowledged: list[str], refused: list[str], number: int) -> None:
    """Send good and bad requests over one connection until it breaks."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        while True:
            number += 1
            label = "US_SSN" if number % 7 else "x" * 300
            body = json.dumps({"detector": "presidio", "output": label})
            connection.request("POST", "/map", body, {**headers, "Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
            if response.status == 200:
                acknowledged.append(response.headers["X-Event-Id"])
            else:
                assert response.status == 413
                refused.append(answer["instance"].removeprefix("urn:uuid:"))
    except (OSError, http.client.HTTPException, ValueError):
        return


@contextmanager
def load(port: int, headers: dict[str, str], acknowledged: list[str], refused: list[str]) -> Iterator[None]:
    """Steady load until the service is gone."""
    callers = [
        threading.Thread(target=call, args=(port, headers, acknowledged, refused, number)) for number in range(CALLERS)
    ]
    for caller in callers:
        caller.start()
    yield
    for caller in callers:
        caller.join(timeout=60)
        assert not caller.is_alive()


def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path: Path) -> None:
    acme, _ = write_keys(tmp_path / "keys.yaml")
    acknowledged: list[str] = []
    refused: list[str] = []
    for _ in range(ROUNDS):
        server = Server(tmp_path)
        before = len(acknowledged)
        with load(server.port, acme, acknowledged, refused):
            while len(acknowledged) < before + 150:
                time.sleep(0.01)
            server.end(signal.SIGKILL)
    Server(tmp_path).end(signal.SIGTERM)

    layout = Layout(tmp_path)
    events = rows_of(layout.events, "acme")
    rejections = rows_of(layout.rejections, "acme")
    assert len(acknowledged) >= ROUNDS * 150
    assert set(acknowledged) <= {row["event_id"] for row in events}
    assert set(refused) <= {row["rejection_id"] for row in rejections}
    assert max(Counter(row["event_id"] for row in events).values()) == 1
    by_day = Counter(str(row["occurred_at"].date()) for row in events)
    refused_by_day = Counter(str(row["occurred_at"].date()) for row in rejections)
    for day in {*by_day, *refused_by_day}:
        path = layout.ledgers / "tenant=acme" / f"day={day}" / "ledger.json"
        ledger = DayLedger.model_validate_json(path.read_bytes())
        assert (ledger.accepted, ledger.rejected) == (by_day[day], refused_by_day[day])
        assert ledger.received == ledger.accepted + ledger.rejected
        numbers = sorted(row["sequence"] for row in events if str(row["occurred_at"].date()) == day)
        assert numbers == list(range(1, ledger.last_sequence + 1))
