"""Known-label `/map`, durable event included, beside a bare FastAPI echo of the same body under the same server."""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import orjson
import uvloop

from bench.load import Load, requests, run
from mapper_domain.catalog import load as load_catalog

CONCURRENCY = 16


class Unclean(Exception):
    """A run had failures, so its figures mean nothing."""


def measure(root: Path, *, runs: int, total: int) -> list[str]:
    """Rows of the table: medians over interleaved runs."""
    catalog = load_catalog(root)
    bodies = [
        orjson.dumps({"detector": detector.name, "output": mapping.label})
        for detector in catalog.detectors
        for mapping in detector.maps
        if mapping.field is None and not (detector.payload and detector.payload.text)
    ][:400]
    with tempfile.TemporaryDirectory() as folder, _echo() as echo, _mapper(root, Path(folder)) as (mapper, key):
        targets = {
            "echo": (echo, requests("/map", bodies, {})),
            "map": (mapper, requests("/map", bodies, {"X-API-Key": key})),
        }
        found: dict[str, list[Load]] = {name: [] for name in targets}
        for turn in range(runs + 1):
            for name, (port, prepared) in targets.items():
                load = uvloop.run(run(port, prepared, total=total, concurrency=CONCURRENCY))
                if load.failures:
                    raise Unclean(f"{load.failures} of {total} requests to {name} failed.")
                if turn:  # the first turn warms both
                    found[name].append(load)
    return _rows(found["echo"], found["map"])


def _rows(echo: Sequence[Load], mapped: Sequence[Load]) -> list[str]:
    def median(runs: Sequence[Load], field: str) -> float:
        return statistics.median(getattr(load, field) for load in runs)

    rows = []
    for title, field, unit in (("requests/s", "rate", ""), ("p50", "p50", " ms"), ("p95", "p95", " ms")):
        ours, plain = median(mapped, field), median(echo, field)
        rows.append(
            f"| `/map`, known label, durable: {title} | {ours:,.1f}{unit} | {plain:,.1f}{unit} | {ours / plain:.2f} |"
        )
    return rows


@contextmanager
def _echo() -> Iterator[int]:
    port = _free_port()
    with _process([sys.executable, "-m", "bench.echo", str(port)], port, "/openapi.json", {}):
        yield port


@contextmanager
def _mapper(root: Path, folder: Path) -> Iterator[tuple[int, str]]:
    port, keys = _free_port(), folder / "keys.yaml"
    issue = [sys.executable, "-m", "mapper_serving.auth", "issue", "--tenant", "bench", "--file", str(keys)]
    key = subprocess.run(issue, check=True, capture_output=True, text=True).stdout.strip()
    environment = {
        "MAPPER_ROOT": str(root.resolve()),
        "MAPPER_ARTIFACTS": str(folder),
        "MAPPER_KEYS": str(keys),
        "MAPPER_PORT": str(port),
        "MAPPER_LOG_LEVEL": "warning",
    }
    with _process([sys.executable, "-m", "mapper_serving"], port, "/readyz", environment):
        yield port, key


@contextmanager
def _process(command: list[str], port: int, path: str, environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        _wait(f"http://127.0.0.1:{port}{path}", process)
        yield
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
