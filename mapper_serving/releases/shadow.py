"""A release asked after the reply what another one has answered, to see where they differ.

It has a bounded queue of its own, asks about one output at a time, and steps back while requests are in flight: what
does not fit is shed and counted. Nothing it says is recorded, and nothing it does can reach a caller.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import orjson
import structlog
from starlette.background import BackgroundTask

from mapper_serving.bodies import MapRequest
from mapper_serving.identity.principal import Tenant
from mapper_serving.mapping import Mapper
from mapper_serving.outbox.rows import Event
from mapper_serving.releases.trials import Answered
from mapper_serving.releases.watcher import Releases
from mapper_serving.state import Serving
from mapper_serving.telemetry import Metrics

CHANGES = 1_000
"""Most pairs of canonical labels, served and the shadow's, that are told apart in the log."""

MOMENT = 0.02
"""Seconds between looks at whether the service is quiet."""

Comparison = Literal["agreed", "disagreed", "error", "shed"]
"""What came of an output; `error` as well where the rules answered because a voice of the model was silent."""

log = structlog.get_logger(__name__)


class Task(NamedTuple):
    """An output that was answered by these events, and the shadow to ask about it."""

    request: MapRequest
    tenant: Tenant
    now: datetime
    events: tuple[Event, ...]
    shadow: Serving


class Shadowing:
    """Compares a shadow's answers with those that were given."""

    def __init__(
        self,
        mapper: Mapper,
        releases: Releases,
        metrics: Metrics,
        *,
        queue: int,
        busy: int,
        patience: float,
        deadline: float,
    ) -> None:
        """A comparison.

        Args:
            mapper: of its own, whose metrics and memory are not those of live traffic.
            releases: the shadow is asked only while it is in service.
            metrics: counts comparisons by release.
            queue: outputs that may wait.
            busy: requests in flight above which it waits for a quieter moment.
            patience: seconds it waits for that before it lets an output go.
            deadline: seconds the shadow's model has for one output.
        """
        self._mapper = mapper
        self._releases = releases
        self._metrics = metrics
        self._waiting: asyncio.Queue[Task] = asyncio.Queue(queue)
        self._busy = busy
        self._patience = patience
        self._deadline = deadline
        self._changes: Counter[tuple[str, str]] = Counter()
        self._compared = ""

    def after(
        self, answered: Sequence[tuple[MapRequest, Answered]], tenant: Tenant, now: datetime
    ) -> BackgroundTask | None:
        """What a response has to do once it is sent; None when no shadow is to be asked."""
        tasks = [
            Task(request, tenant, now, answer.events, answer.shadow)
            for request, answer in answered
            if answer.shadow is not None and answer.shadow is not answer.serving
        ]
        return BackgroundTask(self._offer, tasks) if tasks else None

    async def run(self) -> None:
        """Compare until cancelled."""
        while True:
            task = await self._waiting.get()
            try:
                outcome = await self._compare(task)
            except Exception as error:  # whatever a release on trial does
                log.warning("shadow.failed", release=task.shadow.versions.release, exc_info=error)
                outcome = "error"
            self._count(task, outcome)
            del task

    async def _offer(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            try:
                self._waiting.put_nowait(task)
            except asyncio.QueueFull:
                self._count(task, "shed")

    async def _compare(self, task: Task) -> Comparison:
        if self._releases.routing.shadow is not task.shadow or not await self._quiet():
            return "shed"
        with self._releases.lease() as routing:
            if routing.shadow is not task.shadow:
                return "shed"
            deadline = asyncio.get_running_loop().time() + self._deadline
            before = task.shadow.tally.counts()["silent"]
            events = await self._mapper.map(task.request, task.tenant, task.shadow, deadline=deadline, now=task.now)
            if task.shadow.tally.counts()["silent"] > before:
                return "error"
        served, shadow = _labels(task.events), _labels(events)
        if served == shadow:
            return "agreed"
        self._keep(task.shadow.versions.release, served, shadow)
        return "disagreed"

    async def _quiet(self) -> bool:
        """Whether few enough requests are in flight, or soon are."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._patience
        while self._releases.in_flight > self._busy:
            if loop.time() >= end:
                return False
            await asyncio.sleep(MOMENT)
        return True

    def _keep(self, release: str, served: Sequence[str], shadow: Sequence[str]) -> None:
        if release != self._compared:
            self._compared = release
            self._changes.clear()
        if len(served) != len(shadow):  # they read the output differently
            served, shadow = [" ".join(served)], [" ".join(shadow)]
        for pair in zip(served, shadow, strict=True):
            if pair[0] == pair[1] or (pair not in self._changes and len(self._changes) >= CHANGES):
                continue
            self._changes[pair] += 1
            times = self._changes[pair]
            if times == 10 ** (len(str(times)) - 1):  # the first, the tenth, the hundredth
                log.info("shadow.disagreed", release=release, served=pair[0], shadow=pair[1], times=times)

    def _count(self, task: Task, outcome: Comparison) -> None:
        self._metrics.count("mapper_shadow_comparisons_total", task.shadow.versions.release, outcome)


def _labels(events: Sequence[Event]) -> list[str]:
    """The labels of each event, in an order of their own: which one is primary is no difference worth a count."""
    return [" ".join(sorted(orjson.loads(event.event)["taxonomy"])) for event in events]
