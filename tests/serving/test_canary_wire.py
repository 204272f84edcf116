"""Canaries on the wire: what a real server makes of broken requests and hasty callers repeats nothing of them."""

import json
import socket
from pathlib import Path
from urllib.parse import quote

import pytest
from canaries import CANARIES, needles
from service_process import ServiceProcess

from demo.canary import leaks

REQUESTS = {
    "a path and a query": "GET /{quoted}?q={quoted} HTTP/1.1\r\nHost: a\r\n\r\n",
    "a websocket": (
        "GET /v1/map?token={quoted} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nCookie: {canary}\r\n\r\n"
    ),
    "a method nobody knows": "{word} /v1/map HTTP/1.1\r\nHost: a\r\n\r\n",
    "no HTTP": "{canary}\r\n{canary}\r\n\r\n",
    "a broken version": "GET / HTTP/{word}\r\n\r\n",
    "a broken header": "GET / HTTP/1.1\r\n{canary}\r\n\r\n",
    "a header's name": "GET / HTTP/1.1\r\nHost: a\r\n{word}: 1\r\n\r\n",
    "a broken length": "POST /v1/map HTTP/1.1\r\nHost: a\r\nContent-Length: {canary}\r\n\r\n",
    "a broken chunk": "POST /v1/map HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{canary}\r\n",
    "half a body": 'POST /v1/map HTTP/1.1\r\nHost: a\r\n{key}Content-Length: 999\r\n\r\n{{"output": "{canary}',
    "another protocol": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{canary}",
}


def send(port: int, content: bytes) -> bytes:
    """Send bytes and hang up at once; what came back until then."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(content)
        connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(65_536)
        except OSError:
            return b""


def test_a_real_server_repeats_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    service = ServiceProcess(tmp_path, log_level="debug")
    key = "".join(f"{name}: {value}\r\n" for name, value in service.acme.items())
    answers = {}
    for name, template in REQUESTS.items():
        for canary in CANARIES:
            places = {"canary": canary, "quoted": quote(canary), "word": canary.replace(" ", "-"), "key": key}
            answers[name, canary] = send(service.port, template.format(**places).encode())
    assert service.get("/readyz")[0] == 200
    service.end()
    captured = capfd.readouterr()
    lines = [json.loads(line) for line in captured.err.splitlines()]
    assert {"request.answered"} < {line["event"] for line in lines}
    assert {name for (name, _), answer in answers.items() if answer.startswith(b"HTTP/1.1 4")} >= {"a websocket"}
    hidden = {needle for canary in needles() for needle in (canary, canary.replace(" ", "-"))}
    for needle in hidden:
        assert needle not in captured.out + captured.err
        assert not [at for at, answer in answers.items() if needle.encode() in answer]
    assert leaks([tmp_path], hidden) == ()
