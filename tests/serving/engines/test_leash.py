"""What is on the leash never outlives whoever holds it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FAMILY = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
LEASH = [sys.executable, "-m", "mapper_serving.engines.leash"]


def descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, children) for found in (child, *descendants(child))]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: object) -> None:
    end = time.monotonic() + 20
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def leash() -> "subprocess.Popen[bytes]":
    """A leash with a server on it that has a child of its own."""
    server = [sys.executable, "-c", FAMILY + "time.sleep(60)"]
    process = subprocess.Popen([*LEASH, *server], stdin=subprocess.PIPE, start_new_session=True)
    until(lambda: len(descendants(process.pid)) == 2)
    return process


@pytest.mark.parametrize("end", ["the holder closes it", "the leash is told to stop", "the server is killed"])
def test_the_whole_family_ends(leash: "subprocess.Popen[bytes]", end: str) -> None:
    family = descendants(leash.pid)
    if end == "the holder closes it":
        assert leash.stdin is not None
        leash.stdin.close()
    elif end == "the leash is told to stop":
        leash.terminate()
    else:
        os.kill(family[0], signal.SIGKILL)
    assert leash.wait(20) == 128 + signal.SIGKILL
    until(lambda: not any(map(alive, family)))


def test_a_stopped_server_ends_with_its_holder_too(leash: "subprocess.Popen[bytes]") -> None:
    family = descendants(leash.pid)
    os.kill(family[0], signal.SIGSTOP)
    assert leash.stdin is not None
    leash.stdin.close()
    leash.wait(20)
    until(lambda: not any(map(alive, family)))


def test_a_server_dies_with_a_holder_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time; "
        f"p = subprocess.Popen({[*LEASH, sys.executable, '-c', FAMILY + 'time.sleep(60)']!r}, stdin=subprocess.PIPE,"
        " start_new_session=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: len(descendants(holder.pid)) == 3)
    family = descendants(holder.pid)
    holder.kill()
    holder.wait()
    until(lambda: not any(map(alive, family)))


def test_how_the_server_ended_is_passed_on() -> None:
    leash = subprocess.Popen([*LEASH, sys.executable, "-c", "raise SystemExit(7)"], stdin=subprocess.PIPE)
    assert leash.wait(20) == 7
