"""Follows the pointer: loads what it names, flips the routing, drains and closes what is no longer named.

This replica converges on `current.json` by itself. Nobody pushes, and nothing is asked of the machinery that made
the release. A release that cannot serve is refused with a reason, and the last good one stays.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Literal, NamedTuple

import structlog

from mapper_domain.errors import ReleaseCorrupt, ReleaseError, ReleaseMismatch, ReleaseMissing, ReleaseUnreachable
from mapper_domain.release import Pointer
from mapper_serving import garbage
from mapper_serving.releases.canary import Passed, Stops
from mapper_serving.releases.leases import Lease, Leases
from mapper_serving.releases.loading import Loader, close
from mapper_serving.releases.routing import Routing
from mapper_serving.state import Serving
from mapper_serving.telemetry import Metrics

log = structlog.get_logger(__name__)


State = Literal["serving", "loading", "refused", "stopped"]


class Trial(NamedTuple):
    """A canary or a shadow the pointer asks for.

    Attributes:
        state: `serving`, `loading`, `refused` or, of a canary that passed a bound, `stopped`.
        reason: why it does not serve, or empty.
    """

    role: Literal["canary", "shadow"]
    release: str
    share: float
    state: State
    reason: str


class _Refused(NamedTuple):
    reason: str
    at: float


class Releases:
    """Keeps the releases that the pointer names in service.

    Attributes:
        routing: what answers now. Requests take it by `lease`, and hold on to what they took.
    """

    def __init__(
        self,
        loader: Loader,
        initial: Serving,
        metrics: Metrics,
        stops: Stops,
        *,
        retry_seconds: float,
        drain_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.routing = Routing(initial)
        self._settled = asyncio.Event()
        self._loader = loader
        self._metrics = metrics
        self._stops = stops
        self._retry_seconds = retry_seconds
        self._drain_seconds = drain_seconds
        self._clock = clock
        self._asked: Pointer | None = None
        self._refused: dict[str, _Refused] = {}
        self._leases = Leases()
        self._retiring: set[asyncio.Task[None]] = set()
        self._announce()

    @property
    def settled(self) -> bool:
        """Whether the pointer has been followed, or its release refused, at least once."""
        return self._settled.is_set()

    @property
    def current(self) -> Serving:
        """The stable release, for those who ask it nothing; the others take a lease."""
        return self.routing.stable

    @property
    def refused(self) -> str:
        """Why the pointer, or the release it names, is not followed; empty when it is."""
        release = self._asked.release if self._asked else ""
        return next((self._refused[name].reason for name in ("", release) if name in self._refused), "")

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Canary and shadow, as far as the pointer asks for them, and how they fare."""
        asked = self._asked
        if asked is None:
            return ()
        found = []
        if (canary := asked.canary) is not None:
            stopped = self._stops.reason(canary)
            fares: tuple[State, str] = ("stopped", stopped)
            if not stopped:
                fares = self._state(canary.release, self.routing.canary)
            found.append(Trial("canary", canary.release, canary.share, *fares))
        if (shadow := asked.shadow) is not None:
            found.append(
                Trial("shadow", shadow.release, shadow.share, *self._state(shadow.release, self.routing.shadow))
            )
        return tuple(found)

    @property
    def in_flight(self) -> int:
        """How many leases are out."""
        return self._leases.held

    def lease(self) -> Lease:
        """The routing of this moment; every engine in it stays open until the block ends."""
        return Lease(self._leases, self.routing)

    def stop_canary(self, canary: Serving, passed: Passed) -> None:
        """Let the stable release answer what the canary did, from now on and until it is asked for again."""
        asked = self._asked.canary if self._asked else None
        if asked is None or canary is not self.routing.canary:
            return
        self._stops.remember(asked, passed.reason)
        self._metrics.count("mapper_canary_stops_total", passed.bound)
        log.error("canary.stopped", release=asked.release, bound=passed.bound, reason=passed.reason)
        self._flip(self._target({serving.versions.release: serving for serving in self.routing.servings}))

    async def settle(self, seconds: float) -> None:
        """Wait until it is settled, but no longer than this."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._settled.wait()

    async def run(self, every: float) -> None:
        """Follow the pointer until cancelled."""
        while True:
            await self.follow()
            await asyncio.sleep(every)

    async def follow(self) -> None:
        """Do once what the pointer says. Requests go on meanwhile."""
        try:
            await asyncio.to_thread(self._stops.read)
            pointer = await asyncio.to_thread(self._loader.source.pointer)
            self._refused.pop("", None)
            if pointer is not None:
                await self._converge(pointer)
        except Exception as error:  # noqa: BLE001  (nothing a store holds may end this watch)
            self._refuse("", error)
        self._settled.set()

    async def close(self) -> None:
        """Close every engine, once nobody holds it or it has waited long enough."""
        for serving in self.routing.servings:
            self._retire(serving)
        await asyncio.gather(*self._retiring, return_exceptions=True)

    async def _converge(self, pointer: Pointer) -> None:
        self._asked = pointer
        self._refused = {name: refused for name, refused in self._refused.items() if name in pointer.releases}
        ready = {serving.versions.release: serving for serving in self.routing.servings}
        self._flip(self._target(ready))
        for release in pointer.releases:
            if release in ready or self._refused_lately(release) or not self._wants(release):
                continue
            started = time.monotonic()
            try:
                loaded = await self._loader.load(release)
            except Exception as error:  # noqa: BLE001  (as above)
                self._refuse(release, error)
                continue
            self._metrics.observe("mapper_release_load_duration_seconds", time.monotonic() - started)
            self._refused.pop(release, None)
            ready[release] = loaded
            self._flip(self._target(ready))
            if loaded not in self.routing.servings:  # a canary that another worker stopped meanwhile
                self._retire(ready.pop(release))
            await asyncio.to_thread(self._loader.source.prune, pointer.releases)

    def _wants(self, release: str) -> bool:
        """Whether a release that the pointer names has a role: a canary that was stopped has none."""
        asked = self._asked
        if asked is None:
            return False
        canary = asked.canary if asked.canary and not self._stops.reason(asked.canary) else None
        return release in {asked.release, *(trial.release for trial in (canary, asked.shadow) if trial)}

    def _target(self, ready: Mapping[str, Serving]) -> Routing:
        """What the pointer asks for, as far as it is ready; the stable release stays until another one is."""
        asked = self._asked
        if asked is None:
            return self.routing
        stable = ready.get(asked.release, self.routing.stable)
        canary = ready.get(asked.canary.release) if asked.canary and not self._stops.reason(asked.canary) else None
        shadow = ready.get(asked.shadow.release) if asked.shadow else None
        return Routing(
            stable=stable,
            canary=canary if canary is not stable else None,
            share=asked.canary.share if asked.canary else 0.0,
            shadow=shadow if shadow is not stable else None,
            shadow_share=asked.shadow.share if asked.shadow else 0.0,
        )

    def _flip(self, routing: Routing) -> None:
        before = self.routing
        if routing == before:
            return
        self.routing = routing
        if routing.stable is not before.stable:
            self._metrics.count("mapper_release_swaps_total")
        self._announce()
        for serving in before.servings - routing.servings:
            self._retire(serving)

    def _retire(self, serving: Serving) -> None:
        task = asyncio.create_task(self._drain(serving))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    async def _drain(self, serving: Serving) -> None:
        """Wait for those who hold it, close its engine, and see that its memory goes."""
        started, release = time.monotonic(), serving.versions.release
        if not await self._leases.drained(serving, self._drain_seconds):
            log.warning("release.closed_in_use", release=release)
        try:
            await close(serving)
        except Exception as error:  # whatever an engine does on its way out
            log.error("release.not_closed", release=release, exc_info=error)
        del serving
        garbage.settle()
        self._metrics.observe("mapper_release_drain_duration_seconds", time.monotonic() - started)
        log.info("release.closed", release=release)

    def _state(self, release: str, serving: Serving | None) -> tuple[State, str]:
        if serving is not None and serving.versions.release == release:
            return "serving", ""
        refused = self._refused.get(release)
        if refused is not None:
            return "refused", refused.reason
        return ("serving", "It is the stable release.") if release == self.current.versions.release else ("loading", "")

    def _refused_lately(self, release: str) -> bool:
        return release in self._refused and self._clock() - self._refused[release].at < self._retry_seconds

    def _refuse(self, release: str, error: Exception) -> None:
        reason = str(error) if isinstance(error, ReleaseError) else f"{type(error).__name__} while reading it."
        before = self._refused.get(release)
        if before is None or before.reason != reason:
            self._metrics.count("mapper_release_refused_total", _KINDS.get(type(error), "unreadable"))
            log.error("release.refused", release=release, reason=reason, exc_info=error)
        self._refused[release] = _Refused(reason, self._clock())

    def _announce(self) -> None:
        now = self.routing.stable.versions
        roles = {role: serving.versions.release for role, serving in self.routing.roles.items()}
        self._metrics.show("mapper_release_info", (now.release, now.taxonomy, now.frameworks))
        self._metrics.show("mapper_release_role_info", *roles.items())
        log.info("release.serving", taxonomy=now.taxonomy, known=len(self.routing.stable.cache), **roles)


_KINDS: Mapping[type[Exception], str] = {
    ReleaseMissing: "missing",
    ReleaseUnreachable: "unreachable",
    ReleaseCorrupt: "corrupt",
    ReleaseMismatch: "mismatch",
}
