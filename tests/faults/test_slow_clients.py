"""Clients who send a byte at a time, or nothing: others are answered meanwhile, and the slow ones are cut off."""

import json
import re
import socket
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from service_process import Load, ServiceProcess

pytestmark = pytest.mark.slow
MANY = 40
"""Slow clients of each kind."""

SECONDS = 120
"""How long to wait for what should come after two."""

BODY = json.dumps({"detector": "presidio", "output": "US_SSN"}).encode()
KINDS = {
    "sends nothing": [],
    "headers": [],
    "headers after an answer": [200],
    "empty lines after an answer": [200],
    "a body": [408],
}
"""Where each kind of client begins to be slow, and what answers it should get in all."""


class Slow:
    """A client who goes on a byte at a time, until it is cut off.

    Attributes:
        closed: whether the other side ended the connection.
    """

    def __init__(self, port: int, key: str, kind: str) -> None:
        self.closed = False
        self._heard = b""
        head = f"POST /map HTTP/1.1\r\nHost: mapper\r\nX-API-Key: {key}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        beginnings = {
            "a body": head,
            "headers after an answer": head + BODY,
            "empty lines after an answer": head + BODY,
        }
        drops = {"sends nothing": b"", "a body": BODY, "empty lines after an answer": b"\r\n" * 500}
        self._drops = iter(drops.get(kind, head)[:-1])
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self._socket.sendall(beginnings.get(kind, b""))
        while len(self.statuses) < len(KINDS[kind]) and kind != "a body":
            self._heard += self._socket.recv(65536)
        self._socket.setblocking(False)

    @property
    def statuses(self) -> list[int]:
        """Of the answers so far."""
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+)", self._heard)]

    def go_on(self) -> None:
        """Send the next byte, if there is one, and hear what there is to hear."""
        try:
            self._socket.send(bytes([drop]) if (drop := next(self._drops, None)) is not None else b"")
            heard = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            heard = b""
        self._heard += heard
        if not heard:
            self.closed = True
            self._socket.close()


def dribble(clients: Iterable[Slow]) -> None:
    """Let them go on until all are cut off."""
    left, end = list(clients), time.monotonic() + SECONDS
    while left:
        assert time.monotonic() < end, f"{len(left)} slow clients were not cut off"
        for client in left:
            client.go_on()
        left = [client for client in left if not client.closed]
        time.sleep(0.2)


def test_slow_clients_keep_nobody_waiting_and_are_cut_off(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path, request_seconds=2)
    with Load(service.port, service.acme, callers=2) as load:
        key = service.acme["X-API-Key"]
        slow = {kind: [Slow(service.port, key, kind) for _ in range(MANY)] for kind in KINDS}
        load.wait_for(50, SECONDS)
        dribble(client for clients in slow.values() for client in clients)
        load.wait_for(20, SECONDS)
    for kind, statuses in KINDS.items():
        assert [client.statuses for client in slow[kind]] == [statuses] * MANY, kind
    assert (load.statuses.keys(), load.broken) == ({200}, 0)
    assert service.metric('mapper_rejections_total{code="request-timeout"}') == MANY
    service.end()
    print(
        f"{len(KINDS) * MANY} slow clients cut off, {len(load.acknowledged)} requests answered meanwhile, none broken"
    )
