"""Releases as a running service has them: the parts put together by the settings, begun and ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from mapper_domain.release import verify
from mapper_serving.engines.base import OpenEngine
from mapper_serving.mapping import Mapper
from mapper_serving.releases.canary import Bounds, Stops
from mapper_serving.releases.loading import Loader, read_catalog
from mapper_serving.releases.shadow import Shadowing
from mapper_serving.releases.sources import open_source
from mapper_serving.releases.trials import Trials
from mapper_serving.releases.watcher import Releases
from mapper_serving.settings import Settings
from mapper_serving.state import Serving, rules_only
from mapper_serving.telemetry import Metrics

STOPPED = "stopped.json"
MOMENT = 0.5
"""Seconds a service waits for its first look at the pointer before it answers: enough where nothing is to be loaded."""


class InService(NamedTuple):
    """What requests need of releases: who answers, who is on trial, who is compared."""

    releases: Releases
    trials: Trials
    shadowing: Shadowing


def rules_of_release(settings: Settings) -> Serving | None:
    """The rules of the catalogue in the release the pointer names; None when nothing has been promoted.

    Raises:
        ReleaseError: when that release cannot be used.
    """
    source = open_source(settings.releases, settings.layout)
    pointer = source.pointer()
    if pointer is None:
        return None
    folder = source.fetch(pointer.release)
    return rules_only(read_catalog(folder, verify(folder)))


@asynccontextmanager
async def following(
    settings: Settings, first: Serving, open_engine: OpenEngine, metrics: Metrics, mapper: Mapper
) -> AsyncIterator[InService]:
    """Releases that follow the pointer until the block ends; then every engine is closed.

    Args:
        settings: of the service.
        first: what answers until a release does.
        open_engine: opens a release's engine.
        metrics: of the service.
        mapper: maps what the stable release answers.
    """
    source = open_source(settings.releases, settings.layout)
    releases = Releases(
        Loader(source, settings.layout, open_engine, settings.canary_window_seconds),
        first,
        metrics,
        Stops(settings.layout.release_cache / STOPPED),
        retry_seconds=settings.release_retry_seconds,
        drain_seconds=settings.release_drain_seconds,
    )
    bounds = Bounds(
        settings.canary_least,
        settings.canary_error_rate,
        settings.canary_invalid_rate,
        settings.canary_fallback_rate,
    )
    trials = Trials(mapper, Mapper(settings, metrics), releases, metrics, bounds)
    shadowing = Shadowing(
        Mapper(settings, Metrics()),  # what a shadow does is no traffic
        releases,
        metrics,
        queue=settings.shadow_queue,
        busy=settings.shadow_busy,
        patience=settings.shadow_patience_seconds,
        deadline=settings.deadline_seconds,
    )
    background = [
        asyncio.create_task(releases.run(settings.release_poll_seconds)),
        asyncio.create_task(shadowing.run()),
    ]
    await releases.settle(MOMENT)
    try:
        yield InService(releases, trials, shadowing)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await releases.close()
