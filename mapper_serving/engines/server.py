"""Keeps one vLLM server in service: started, watched, replaced when it ends or hangs, its adapters loaded again.

The same for a server that is not ours to start: it is watched, and gets its adapters back after it was away.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from mapper_domain.errors import EngineError
from mapper_serving.engines.child import Child
from mapper_serving.engines.server_api import ServerApi

LOOK_SECONDS: Final = 0.2
"""How often a process is looked at that may have ended."""

PULSE_SECONDS: Final = 2.0
"""Time between two pulses of a server that answers, at most."""

FIRST_WAIT: Final = 0.5
LONGEST_WAIT: Final = 60.0
HOPELESS: Final = 3
"""After so many failures in a row nobody waits for it any more; it goes on trying."""

STEADY_SECONDS: Final = 60.0
"""After so long in service the wait before the next start is short again."""

log = structlog.get_logger(__name__)


class Server:
    """A server and the thread that looks after it.

    Attributes:
        url: where it answers; another one after each start of a process of ours.
        problem: why it is not in service, or empty.
        starts: how often a server has come into service.
        failures: how often it has failed since it was in service last.
        last_answer: `time.monotonic()` of the last answer to anybody.
    """

    def __init__(
        self,
        begin: Callable[[], Child] | None,
        *,
        url: str = "",
        start_seconds: float,
        hang_seconds: float,
    ) -> None:
        """Begin to look after a server.

        Args:
            begin: starts the process; None when `url` names a server that is not ours.
            url: of that server.
            start_seconds: time it has to come into service, and to load an adapter.
            hang_seconds: after so long without an answer it counts as hung.
        """
        self.url = url
        self.problem = "vLLM is being started."
        self.starts = 0
        self.failures = 0
        self.last_answer = 0.0
        self.child: Child | None = None
        self._next = "It is asked again." if begin is None else "It is started again."
        self._begin = begin
        self._start_seconds = start_seconds
        self._hang_seconds = hang_seconds
        self._adapters: dict[str, Path] = {}
        self._holders: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vllm", daemon=True)
        self._thread.start()

    def load(self, name: str, folder: Path) -> None:
        """Have an adapter loaded, now and after every restart.

        Raises:
            EngineError: when the server is not in service in time, or refuses it.
        """
        self.wait()
        with self._lock:
            self._adapters[name] = folder
            self._holders[name] += 1
        try:
            with self.api() as api:
                api.load(name, folder, timeout=self._start_seconds)
        except EngineError:
            self._drop(name)
            raise

    def unload(self, name: str) -> None:
        """Have an adapter forgotten when the last who had it loaded wants it so.

        A server that is away has forgotten already. One that is not ours keeps it: others may ask for it under the same
        name, and what nobody asks for leaves its memory when newer ones come.
        """
        if self._drop(name) and self._begin is not None and not self.problem:
            try:
                with self.api() as api:
                    api.unload(name, timeout=self._hang_seconds)
            except EngineError as error:
                log.warning("vllm.unload", adapter=name, reason=str(error))

    def _drop(self, name: str) -> bool:
        """Note that one less wants an adapter; whether nobody does."""
        with self._lock:
            self._holders[name] -= 1
            if self._holders[name] > 0:
                return False
            self._adapters.pop(name, None)
            return True

    def wait(self) -> None:
        """Return when it is in service.

        Raises:
            EngineError: when it is not in time, or is closed.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: not self.problem or self.failures >= HOPELESS or self._stop.is_set(), self._start_seconds
            )
        if self.problem:
            raise EngineError(self.problem)

    def api(self) -> ServerApi:
        """Its API, for the caller's thread; to be closed."""
        return ServerApi(self.url)

    def answered(self) -> None:
        """Note that it answered somebody."""
        self.last_answer = time.monotonic()

    def close(self) -> None:
        """Stop looking after it; a process of ours is ended."""
        self._stop.set()
        with self._changed:
            self.problem = self.problem or "vLLM was stopped."
            self._changed.notify_all()
        if self.child is not None:
            self.child.kill()
        self._thread.join(self._hang_seconds)

    def _run(self) -> None:
        wait = FIRST_WAIT
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._serve()
            except EngineError as error:
                self.failures += 1
                self._say(f"{error} {self._next}")
            except Exception as error:  # nothing may end this watch
                log.error("vllm.watch", exc_info=error)
                self.failures += 1
                self._say(f"vLLM cannot be looked after ({type(error).__name__}). {self._next}")
            if self.child is not None:
                self.child.kill()
            wait = FIRST_WAIT if time.monotonic() - began > STEADY_SECONDS else min(2 * wait, LONGEST_WAIT)
            self._stop.wait(wait)

    def _serve(self) -> None:
        """Bring a server into service and watch it.

        Raises:
            EngineError: when it ends, hangs or does not come into service.
        """
        if self._begin is not None:
            self.child = self._begin()
            self.url = self.child.url
        with self.api() as api:
            base = self._first_answer(api)
            self._load_all(api)
            api.pulse(base, timeout=self._start_seconds)
            self.starts, self.failures = self.starts + 1, 0
            self._say("")
            while not self._pause(min(PULSE_SECONDS, self._hang_seconds)):
                self._pulse(api, base)

    def _first_answer(self, api: ServerApi) -> str:
        """The name of the base model, as soon as the server says it."""
        end = time.monotonic() + self._start_seconds
        while True:
            try:
                return api.models(timeout=self._hang_seconds)[0]
            except EngineError:
                if time.monotonic() >= end or self._begin is None:
                    raise
            if self._pause(LOOK_SECONDS):
                raise EngineError("vLLM was stopped.")

    def _load_all(self, api: ServerApi) -> None:
        """Load every adapter; one that cannot be loaded does not keep the others away."""
        with self._lock:
            wanted = dict(self._adapters)
        for name, folder in wanted.items():
            try:
                api.load(name, folder, timeout=self._start_seconds)
            except EngineError as error:
                log.error("vllm.load", adapter=name, reason=str(error))

    def _pulse(self, api: ServerApi, base: str) -> None:
        """Make sure that it computes, or that it answered somebody meanwhile; and that it has its adapters."""
        asked = time.monotonic()
        try:
            api.pulse(base, timeout=self._hang_seconds, ahead=self._begin is not None)
        except EngineError:
            if self.last_answer <= asked:
                raise EngineError("vLLM does not answer.") from None
        if self._begin is None and not set(self._adapters) <= set(api.models(timeout=self._hang_seconds)):
            self._load_all(api)

    def _pause(self, seconds: float) -> bool:
        """Wait, but not for a process that has ended; whether this watch is to end.

        Raises:
            EngineError: when the process ended.
        """
        end = time.monotonic() + seconds
        while not self._stop.wait(min(LOOK_SECONDS, max(0.0, end - time.monotonic()))):
            if self.child is not None and (how := self.child.ended):
                raise EngineError(f"vLLM ended with {how}.")
            if time.monotonic() >= end:
                return False
        return True

    def _say(self, problem: str) -> None:
        with self._changed:
            if problem != self.problem:
                log.warning("vllm.away", reason=problem) if problem else log.info("vllm.ready", url=self.url)
            self.problem = problem
            self._changed.notify_all()
