"""The engine host is kept alive by whoever started it, and never outlives it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine_hosts import parts

from mapper_domain.errors import ReleaseMismatch
from mapper_serving.engines import host_process
from mapper_serving.engines.host_process import HostProcess
from mapper_serving.engines.opening import needs_host
from mapper_serving.engines.shared import SharedOpener
from mapper_serving.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostProcess]:
    """A host that has begun; in the end it leaves, whoever is still connected."""
    monkeypatch.setattr(host_process, "YOUNG_SECONDS", 0.5)
    monkeypatch.setenv("MAPPER_SHUTDOWN_SECONDS", "1")
    monkeypatch.setenv("MAPPER_SHUTDOWN_SHIP_SECONDS", "0")
    host = HostProcess(tmp_path)
    until(lambda: host.look() == 0 and host.socket.exists())
    opener = SharedOpener(str(host.socket))
    yield host
    pid = host.pid
    host.close(20)
    opener.close()
    assert not Path(f"/proc/{pid}").exists()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def answers(host: HostProcess) -> bool:
    """Whether somebody opens adapters there: one without files is refused."""
    opener = SharedOpener(str(host.socket))
    try:
        opener.adapter(parts())
    except ReleaseMismatch as refused:
        return "cannot be loaded" in str(refused)
    finally:
        opener.close()
    return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_host_that_ends_or_hangs_is_started_again(
    host: HostProcess, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = host.pid
    assert answers(host)
    monkeypatch.setattr(host_process, "HANG_SECONDS", 5.0)
    os.kill(first, number)
    until(lambda: host.look() == 0 and host.pid != first)
    assert answers(host)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_group_leaves_it_to_whoever_started_it(host: HostProcess, number: signal.Signals) -> None:
    os.kill(host.pid, number)
    assert answers(host)


def test_it_does_not_outlive_whoever_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib; from mapper_serving.engines.host_process import HostProcess; "
        f"host = HostProcess(pathlib.Path({str(tmp_path)!r})); print(host.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        host = int(parent.stdout.readline())
        until((tmp_path / "engine").exists)
        parent.kill()
    until(lambda: not Path(f"/proc/{host}").exists())


def test_one_that_cannot_begin_says_why_and_with_which_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAPPER_ENGINE", "vllm")
    monkeypatch.setenv("MAPPER_VLLM_PYTHON", "/nowhere/python")
    host = HostProcess(tmp_path)
    until(host.look)
    assert host.look() == 2
    assert "There is no vLLM at /nowhere/python" in capfd.readouterr().err
    host.close(5)


def test_workers_need_one_unless_there_is_something_else_they_share() -> None:
    assert needs_host(Settings(engine="local"))
    assert needs_host(Settings(engine="local", vllm_url="http://127.0.0.1:1"))
    assert needs_host(Settings(engine="vllm"))
    assert not needs_host(Settings(engine="vllm", vllm_url="http://127.0.0.1:1"))
    assert not needs_host(Settings(engine_socket="/run/engine"))
