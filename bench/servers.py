"""The servers that are measured, each a process of its own: ours in rules mode, and the bare echo."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

UNLIMITED = "1000000000"
"""Quotas are looked at as ever, and never spent."""


class Unclean(Exception):
    """A run had failures, so its figures mean nothing."""


class Running(NamedTuple):
    """A running service: its port, a key for it, and its process."""

    port: int
    key: str
    pid: int


@contextmanager
def echo() -> Iterator[int]:
    port = _free_port()
    with _process([sys.executable, "-m", "bench.echo", str(port)], port, "/openapi.json", {}):
        yield port


@contextmanager
def mapper(root: Path, folder: Path, **settings: str) -> Iterator[Running]:
    port, keys = _free_port(), folder / "keys.yaml"
    issue = [sys.executable, "-m", "mapper_serving.auth", "issue", "--tenant", "bench", "--file", str(keys)]
    key = subprocess.run(issue, check=True, capture_output=True, text=True).stdout.strip()
    environment = {
        "MAPPER_ROOT": str(root.resolve()),
        "MAPPER_ARTIFACTS": str(folder),
        "MAPPER_KEYS": str(keys),
        "MAPPER_PORT": str(port),
        "MAPPER_LOG_LEVEL": "warning",
        **{f"MAPPER_RATE_LIMIT_{whose}": UNLIMITED for whose in ("KEY", "TENANT", "IP")},
        **{f"MAPPER_{name.upper()}": value for name, value in settings.items()},
    }
    with _process([sys.executable, "-m", "mapper_serving"], port, "/readyz", environment) as process:
        yield Running(port, key, process.pid)


@contextmanager
def _process(
    command: list[str], port: int, path: str, environment: dict[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        _wait(f"http://127.0.0.1:{port}{path}", process)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise Unclean(f"A server ended with {process.returncode} before it answered.")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise Unclean(f"{url} did not answer within a minute.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
