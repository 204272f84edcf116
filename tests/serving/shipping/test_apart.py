"""Shipping in a process of its own: same segments, same counts, started again when it dies, gone with its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from serving_app import REPOSITORY, App, running_app

from mapper_serving.state import Serving

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks processes up in /proc")


def children(process: int) -> list[int]:
    """Processes a process has started and that have not ended."""
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def shippers() -> list[int]:
    """Shipping processes of this one."""
    return [pid for pid in children(os.getpid()) if b"mapper_serving.shipping" in command(pid)]


def command(process: int) -> bytes:
    """What was started; empty where it is gone."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def shipped(app: App) -> float:
    return app.metric('mapper_shipped_events_total{sink="segments"}')


def test_events_are_shipped_and_counted_also_by_a_second_process_after_the_first_died(
    tmp_path: Path, rules: Serving
) -> None:
    with running_app(tmp_path, rules, ship_apart=True, ship_seconds=0.2) as app:
        app.map("presidio", "US_SSN")
        wait_until(lambda: shipped(app) == 1)
        (first,) = shippers()
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: bool(shippers()) and first not in shippers())
        app.map("presidio", "US_SSN")
        wait_until(lambda: shipped(app) == 2)
        assert app.metric('mapper_shipping_failures_total{sink="segments"}') == 1
        app.map("presidio", "US_SSN")
    assert [row["sequence"] for row in app.events()] == [1, 2, 3]
    assert shippers() == []


HOLDER = """
import sys, time
from mapper_serving.settings import Settings
from mapper_serving.shipping.apart import Apart
from mapper_serving.shipping.shipper import Progress
settings = Settings(artifacts=sys.argv[1], ship_seconds=0.1)
apart = Apart(settings, Progress(rounds=lambda: print("round", flush=True)))
time.sleep(600)
"""


def test_it_does_not_outlive_whoever_started_it(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, cwd=REPOSITORY, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "round\n"
    (shipper,) = children(holder.pid)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    wait_until(lambda: b"mapper_serving.shipping" not in command(shipper))
