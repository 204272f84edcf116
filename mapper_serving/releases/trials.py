"""Who answers an output, stable release or canary, and what a canary's answer has to be to count as one.

A canary never costs a caller anything: where it fails, refuses or breaks the schema, the stable release answers.
"""

from datetime import datetime
from typing import NamedTuple

import structlog
from pydantic import ValidationError

from mapper_domain.events import CanonicalEvent
from mapper_serving.bodies import MapRequest
from mapper_serving.identity.principal import Tenant
from mapper_serving.mapping import Mapper
from mapper_serving.outbox.rows import Event
from mapper_serving.problems import Refusal
from mapper_serving.releases.canary import Bounds, judge
from mapper_serving.releases.routing import Routing, label_of
from mapper_serving.releases.tally import Outcome
from mapper_serving.releases.watcher import Releases
from mapper_serving.state import Serving
from mapper_serving.telemetry import Metrics

log = structlog.get_logger(__name__)


class Answered(NamedTuple):
    """The events of one output.

    Attributes:
        serving: the release all of them are from.
        shadow: the release that is to be asked the same after the reply, if one is.
    """

    events: tuple[Event, ...]
    serving: Serving
    shadow: Serving | None = None


class Trials:
    """Maps outputs by the release whose turn it is, and judges the canary by what became of its own."""

    def __init__(self, stable: Mapper, canary: Mapper, releases: Releases, metrics: Metrics, bounds: Bounds) -> None:
        """Mapping with trials.

        Args:
            stable: maps what the stable release answers.
            canary: maps what a canary answers. Another one, because mappers remember answers.
            releases: told when the canary has to go.
            metrics: counts outputs by release.
            bounds: what a canary may do.
        """
        self._stable = stable
        self._canary = canary
        self._releases = releases
        self._metrics = metrics
        self._bounds = bounds

    async def map(
        self, request: MapRequest, tenant: Tenant, routing: Routing, *, deadline: float, now: datetime
    ) -> Answered:
        """The events for one output, all from one release.

        Args:
            request: what was sent, checked.
            tenant: who sent it.
            routing: of the moment the request began; leased.
            deadline: time of the running loop after which the model is not waited for.
            now: when it was received.

        Raises:
            Refusal: as `Mapper.map`, where the stable release refuses.
        """
        stable = routing.stable
        chosen, shadow = stable, None
        if routing.canary is not None or routing.shadow is not None:
            label = label_of(request.output, request.detector, stable)
            chosen = routing.choose(tenant.id, request.detector, label)
            shadow = routing.shadows(tenant.id, request.detector, label)
        refused = False
        if chosen is not stable:
            try:
                events = await self._by_canary(request, tenant, chosen, stable, deadline=deadline, now=now)
                return Answered(events, chosen, shadow)
            except Refusal:
                refused = True
            except _CanaryFailed:
                pass
        events = await self._by_stable(request, tenant, stable, deadline=deadline, now=now)
        if refused:  # so it was the canary's fault, not the caller's
            self._note(chosen, stable, "error")
        return Answered(events, stable, shadow)

    async def _by_stable(
        self, request: MapRequest, tenant: Tenant, stable: Serving, *, deadline: float, now: datetime
    ) -> tuple[Event, ...]:
        try:
            events = await self._stable.map(request, tenant, stable, deadline=deadline, now=now)
        except Refusal:
            raise
        except Exception:
            self._count(stable, "error")
            raise
        self._count(stable, "answered")
        return events

    async def _by_canary(
        self, request: MapRequest, tenant: Tenant, canary: Serving, stable: Serving, *, deadline: float, now: datetime
    ) -> tuple[Event, ...]:
        try:
            events = await self._canary.map(request, tenant, canary, deadline=deadline, now=now)
        except Refusal:
            raise
        except Exception as error:
            log.error("canary.failed", release=canary.versions.release, exc_info=error)
            self._note(canary, stable, "error")
            raise _CanaryFailed from error
        if not all(_fits(event, canary) for event in events):
            self._note(canary, stable, "invalid")
            raise _CanaryFailed
        self._note(canary, stable, "answered")
        return events

    def _note(self, canary: Serving, stable: Serving, outcome: Outcome) -> None:
        """Count what became of a canary's output, and see whether it has to go."""
        self._count(canary, outcome)
        passed = judge(canary.tally, stable.tally, self._bounds)
        if passed is not None:
            self._releases.stop_canary(canary, passed)

    def _count(self, serving: Serving, outcome: Outcome) -> None:
        serving.tally.note(outcome)
        self._metrics.count("mapper_release_answers_total", serving.versions.release, outcome)


class _CanaryFailed(Exception):
    """The stable release has to answer."""


def _fits(event: Event, serving: Serving) -> bool:
    """Whether an event is of the published schema, with labels of the release's taxonomy."""
    try:
        labels = CanonicalEvent.model_validate_json(event.event).taxonomy
    except ValidationError:
        return False
    return serving.catalog.taxonomy.names.issuperset(labels)
