"""The parts of one running service, and how they begin and end. No HTTP here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from mapper_domain.catalog import load as load_catalog
from mapper_domain.errors import CatalogError
from mapper_domain.release import read_pointer
from mapper_serving import shipping
from mapper_serving.engines.base import Engine, OpenEngine, Parts
from mapper_serving.identity.authentication import Identity
from mapper_serving.identity.opening import open_identity
from mapper_serving.identity.principal import Tenant
from mapper_serving.ids import uuid7
from mapper_serving.mapping import Mapper
from mapper_serving.outbox import Outbox, Rejection
from mapper_serving.problems import Code
from mapper_serving.releases import watcher as releases
from mapper_serving.releases.watcher import Releases
from mapper_serving.secrets.opening import open_secrets
from mapper_serving.settings import Settings
from mapper_serving.state import Serving, rules_only
from mapper_serving.telemetry import Metrics


@dataclass(frozen=True)
class Service:
    """Everything a request may need."""

    settings: Settings
    metrics: Metrics
    identity: Identity
    outbox: Outbox
    releases: Releases
    mapper: Mapper


def initial(settings: Settings, open_engine: OpenEngine) -> Serving:
    """What answers first: the rules of the catalogue at hand, until the watcher has loaded a release.

    Where there is no usable catalogue, the release has one.

    Raises:
        CatalogError: when there is neither.
        ReleaseError: when there is only a release, and it cannot be used.
    """
    try:
        return rules_only(load_catalog(settings.root))
    except CatalogError:
        pointer = read_pointer(settings.layout.releases)
        if pointer is None:
            raise
        return releases.load(settings.layout, pointer.release, open_engine)


@asynccontextmanager
async def running(settings: Settings, first: Serving, open_engine: OpenEngine) -> AsyncIterator[Service]:
    """A service with its background work: following the release pointer and shipping events.

    On the way out nothing acknowledged is lost: the outbox is flushed, then shipped once more.
    """
    metrics = Metrics()
    secrets = open_secrets(settings, lambda source: metrics.count("mapper_secret_failures_total", source))
    identity = await asyncio.to_thread(open_identity, settings, secrets, metrics)
    outbox = Outbox(
        settings.layout.outbox,
        max_rows=settings.outbox_max_events,
        max_bytes=settings.outbox_max_bytes,
        on_commit=lambda rows, seconds: _committed(metrics, rows, seconds),
    )
    metrics.follow("mapper_outbox_pending_events", lambda: outbox.pending)
    mapper = Mapper(settings, metrics)
    metrics.follow("mapper_model_calls_per_thousand_events", mapper.calls.per_thousand)
    shipper = shipping.Shipper(
        settings,
        on_shipped=lambda shipped: _shipped(metrics, shipped),
        on_round=outbox.recount,
        on_failure=lambda: metrics.count("mapper_shipping_failures_total"),
    )
    watcher = Releases(settings.layout, first, open_engine, metrics, retry_seconds=settings.release_retry_seconds)
    background = [asyncio.create_task(watcher.run(settings.release_poll_seconds)), asyncio.create_task(identity.run())]
    try:
        yield Service(settings, metrics, identity, outbox, watcher, mapper)
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await asyncio.to_thread(outbox.close)
        await asyncio.to_thread(shipper.close)


def rejection(tenant: Tenant, code: Code, now: datetime) -> Rejection:
    """The row that counts a refused request of a tenant."""
    moment = now.astimezone(UTC)
    return Rejection(tenant.id, moment.date().isoformat(), uuid7(), moment.isoformat(), code)


def local_engine(settings: Settings) -> OpenEngine:
    """Opens the engine that runs in this process."""

    def open_engine(parts: Parts) -> Engine:
        from mapper_serving.engines.local import LocalEngine

        return LocalEngine.load(
            parts.base,
            parts.adapter,
            parts.retriever,
            parts.labels,
            threads=settings.engine_threads,
            queue=settings.engine_queue,
        )

    return open_engine


def _committed(metrics: Metrics, rows: int, seconds: float) -> None:
    metrics.observe("mapper_outbox_commit_duration_seconds", seconds)
    if rows:
        metrics.observe("mapper_outbox_commit_rows", rows)
    else:
        metrics.count("mapper_outbox_failures_total")


def _shipped(metrics: Metrics, shipped: shipping.Shipped) -> None:
    metrics.count("mapper_shipped_events_total", amount=shipped.events)
    metrics.count("mapper_shipped_rejections_total", amount=shipped.rejections)
