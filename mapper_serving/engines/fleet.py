"""The vLLM servers of this process: one for each model, shared by the engines that use it."""

import threading
from collections import Counter

from mapper_serving.engines.child import Child, Launch, Spec
from mapper_serving.engines.server import Server


class Fleet:
    """Starts servers when they are first taken, and ends them when they are last left."""

    def __init__(self, launch: Launch, *, url: str, start_seconds: float, hang_seconds: float) -> None:
        """No server yet.

        Args:
            launch: how servers are started.
            url: of the one server that is not ours and serves everything; empty where there is none.
            start_seconds: as for `Server`.
            hang_seconds: as for `Server`.
        """
        self._launch = launch
        self._url = url
        self._start_seconds = start_seconds
        self._hang_seconds = hang_seconds
        self._servers: dict[Spec, Server] = {}
        self._holders: Counter[Spec] = Counter()
        self._lock = threading.Lock()

    @property
    def servers(self) -> tuple[Server, ...]:
        """Those that are held."""
        return tuple(self._servers.values())

    def has(self, spec: Spec) -> bool:
        """Whether such a server runs already."""
        return spec in self._servers

    def take(self, spec: Spec) -> Server:
        """The server for this, which may still have to come into service."""
        with self._lock:
            if spec not in self._servers:
                self._servers[spec] = Server(
                    None if self._url else lambda: Child(spec, self._launch),
                    url=self._url,
                    start_seconds=self._start_seconds,
                    hang_seconds=self._hang_seconds,
                )
            self._holders[spec] += 1
            return self._servers[spec]

    def leave(self, spec: Spec) -> None:
        """Give a server back that was taken."""
        with self._lock:
            self._holders[spec] -= 1
            server = None if self._holders[spec] else self._servers.pop(spec, None)
        if server is not None:
            server.close()

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            servers = list(self._servers.values())
            self._servers.clear()
        for server in servers:
            server.close()
