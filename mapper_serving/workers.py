"""Several workers on one machine, started and kept alive by one process that answers nothing itself.

The workers share the listening socket, so that no connection is lost with a worker; the outbox, which takes turns; the
files their metrics are in, so that any of them can tell the sum; and the adapter, which an engine host holds beside
them, or the server that `MAPPER_VLLM_URL` names. Each has its own limits, cache and retriever.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import structlog
from prometheus_client.multiprocess import mark_process_dead

from mapper_serving.engines.host_process import HostProcess
from mapper_serving.engines.opening import needs_host
from mapper_serving.settings import Settings
from mapper_serving.telemetry import SHARED_FOLDER

ARGUMENT: Final = "--worker"
SOCKET: Final = "MAPPER_ENGINE_SOCKET"
TICK_SECONDS: Final = 0.2
YOUNG_SECONDS: Final = 5.0
"""A worker that ends sooner by itself than this could not begin, and another one could not either."""

SPARE_SECONDS: Final = 5.0
"""How much longer than its settings say a worker may take to leave."""

log = structlog.get_logger(__name__)


def supervise(settings: Settings) -> int:
    """Run workers until told to stop; the exit status of one that could not begin, else 0."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with (
        _listening(settings) as listener,
        tempfile.TemporaryDirectory(prefix="mapper-metrics-") as metrics,
        _hosting(settings) as host,
    ):
        environment = _environment(settings, metrics, host)
        workers = [_Worker(listener, environment) for _ in range(settings.workers)]
        status = 0
        while not stopping.wait(TICK_SECONDS) and not status:
            status = host.look() if host is not None else 0
            for place, worker in enumerate(workers):
                if worker.ended is None:
                    continue
                mark_process_dead(worker.pid, metrics)  # type: ignore[no-untyped-call]
                if worker.ended > 0 and worker.age < YOUNG_SECONDS:
                    status = worker.ended
                    break
                log.error("worker.ended", status=worker.ended)
                workers[place] = _Worker(listener, environment)
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.wait(
                settings.drain_seconds + settings.shutdown_seconds + settings.shutdown_ship_seconds + SPARE_SECONDS
            )
    return status


def listener() -> socket.socket | None:
    """As a worker: the socket it shares; None where this process is none.

    A worker ends like anybody who is told to, as soon as whoever started it is gone.
    """
    if ARGUMENT not in sys.argv[1:]:
        return None
    threading.Thread(target=_leave_with_parent, daemon=True, name="parent").start()
    return socket.socket(fileno=int(sys.argv[-1]))


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    with socket.create_server((settings.host, settings.port), backlog=2048) as shared:
        shared.set_inheritable(True)
        yield shared


@contextmanager
def _hosting(settings: Settings) -> Iterator[HostProcess | None]:
    """The engine host until the block ends, which workers leave first; None where they need none."""
    if not needs_host(settings):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="mapper-engine-") as folder:  # nobody else may enter
        host = HostProcess(Path(folder))
        try:
            yield host
        finally:
            host.close(SPARE_SECONDS)


def _environment(settings: Settings, metrics: str, host: HostProcess | None) -> Mapping[str, str]:
    """The environment of a worker."""
    shared = {**os.environ, SHARED_FOLDER: metrics}
    if host is not None:
        shared[SOCKET] = str(host.socket)
        # Nothing else bounds the threads of a retriever whose process loads no adapter; each worker would take all.
        shared.setdefault("OMP_NUM_THREADS", str(settings.engine_threads))
    return shared


class _Worker:
    """One worker process."""

    def __init__(self, listener: socket.socket, environment: Mapping[str, str]) -> None:
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mapper_serving", ARGUMENT, str(listener.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            env=environment,
        )
        self.pid = self._process.pid

    @property
    def ended(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._began

    def stop(self) -> None:
        """Have it leave in order."""
        if self.ended is None:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        """Wait until it has left, and no longer."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def _leave_with_parent() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
