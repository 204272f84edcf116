"""The mapping service as a process of its own, as `make serve` starts it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from demo.failure import DemoFailed

READY_SECONDS = 180
STOP_SECONDS = 120
LOCAL = "127.0.0.1"


@contextmanager
def running(settings: Mapping[str, str], log: Path, say: Callable[[str], None]) -> Iterator[httpx.Client]:
    """A client of a service that is ready. Leaving stops the service, which ships what it still holds.

    Args:
        settings: `MAPPER_*` variables on top of the environment.
        log: where its output goes.
        say: takes lines of progress.

    Raises:
        DemoFailed: when it does not become ready or does not stop in order.
    """
    port = _free_port()
    log.parent.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **settings, "MAPPER_HOST": LOCAL, "MAPPER_PORT": str(port)}
    with log.open("ab") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "mapper_serving"], stdout=stream, stderr=stream, env=environment
        )
    try:
        with httpx.Client(base_url=f"http://{LOCAL}:{port}", timeout=60.0) as client:
            state = _await_ready(client, process, log)
            say(f"ready on {client.base_url} with release {state['release']} ({state['mode']} mode)")
            yield client
    except BaseException:
        process.kill()
        process.wait()
        raise
    _stop(process, log)


def _await_ready(client: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> Mapping[str, str]:
    deadline = time.monotonic() + READY_SECONDS
    problem = "it never answered"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoFailed(f"The service ended by itself with {process.returncode}; see {log}.")
        try:
            answer = client.get("/readyz", timeout=5.0)
        except httpx.TransportError:
            time.sleep(0.25)
            continue
        state: Mapping[str, str] = answer.json()
        if answer.is_success:
            return state
        problem = "; ".join(state.get("problems", ()))
        time.sleep(0.25)
    raise DemoFailed(f"The service was not ready after {READY_SECONDS} s ({problem}); see {log}.")


def _stop(process: "subprocess.Popen[bytes]", log: Path) -> None:
    if process.poll() is not None:
        raise DemoFailed(f"The service ended by itself with {process.returncode}; see {log}.")
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise DemoFailed(f"The service did not stop within {STOP_SECONDS} s; see {log}.") from None
    if code not in (0, -signal.SIGTERM):
        raise DemoFailed(f"The service stopped with {code}; see {log}.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOCAL, 0))
        port: int = probe.getsockname()[1]
        return port
