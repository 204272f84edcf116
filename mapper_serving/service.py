"""The parts of one running service, and how they begin and end. No HTTP here."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mapper_domain.catalog import load as load_catalog
from mapper_domain.errors import CatalogError
from mapper_serving.engines.base import OpenEngine
from mapper_serving.history import History
from mapper_serving.idempotency import Idempotency
from mapper_serving.identity.authentication import Identity
from mapper_serving.identity.opening import open_identity
from mapper_serving.identity.principal import Tenant
from mapper_serving.ids import uuid7
from mapper_serving.mapping import Mapper
from mapper_serving.objects import open_objects
from mapper_serving.outbox.open import open_outbox
from mapper_serving.outbox.outbox import Outbox, age
from mapper_serving.outbox.rows import Rejection
from mapper_serving.problems import Code
from mapper_serving.rates import RateLimits
from mapper_serving.releases.opening import following, rules_of_release
from mapper_serving.releases.shadow import Shadowing
from mapper_serving.releases.trials import Trials
from mapper_serving.releases.watcher import Releases
from mapper_serving.secrets.opening import open_secrets
from mapper_serving.settings import Settings
from mapper_serving.shipping.apart import Apart
from mapper_serving.shipping.drain import Shipped
from mapper_serving.shipping.shipper import Progress, Shipper
from mapper_serving.state import Serving, rules_only
from mapper_serving.telemetry import Metrics


@dataclass(frozen=True)
class Service:
    """Everything a request may need.

    Attributes:
        leaving: set once the process has been told to stop.
    """

    settings: Settings
    metrics: Metrics
    identity: Identity
    outbox: Outbox
    releases: Releases
    trials: Trials
    shadowing: Shadowing
    mapper: Mapper
    history: History
    rates: RateLimits
    idempotency: Idempotency
    leaving: threading.Event = field(default_factory=threading.Event)


def initial(settings: Settings) -> Serving:
    """What answers first, until a release is loaded: the rules of the catalogue at hand, or of the release's.

    Raises:
        CatalogError: when there is neither.
        ReleaseError: when there is only a release, and it cannot be used.
    """
    try:
        return rules_only(load_catalog(settings.root))
    except CatalogError:
        found = rules_of_release(settings)
        if found is None:
            raise
        return found


@asynccontextmanager
async def running(settings: Settings, first: Serving, open_engine: OpenEngine) -> AsyncIterator[Service]:
    """A service with its background work: following the release pointer and shipping events.

    On the way out nothing acknowledged is lost: the outbox is flushed, then shipped once more.
    """
    metrics = Metrics()
    secrets = open_secrets(settings, lambda source: metrics.count("mapper_secret_failures_total", source))
    identity = await asyncio.to_thread(open_identity, settings, secrets, metrics)
    outbox = open_outbox(settings, lambda rows, seconds: _committed(metrics, rows, seconds), secrets)
    _follow(metrics, outbox)
    mapper = Mapper(settings, metrics)
    metrics.follow("mapper_model_calls_per_thousand_events", mapper.calls.per_thousand)
    progress = _progress(metrics, outbox)
    shipper = Apart(settings, progress) if settings.ship_apart else Shipper(settings, progress, secrets)
    watching = asyncio.create_task(identity.run())
    try:
        async with following(settings, first, open_engine, metrics, mapper) as serving:
            with closing(History(outbox, open_objects(settings.segments or settings.layout.root))) as history:
                calls = (history, _rates(settings), Idempotency(outbox))
                yield Service(settings, metrics, identity, outbox, *serving, mapper, *calls)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await asyncio.to_thread(outbox.close)
        await asyncio.to_thread(shipper.close, settings.shutdown_ship_seconds)


def rejection(tenant: Tenant, code: Code, now: datetime) -> Rejection:
    """The row that counts a refused request of a tenant."""
    moment = now.astimezone(UTC)
    return Rejection(tenant.id, moment.date().isoformat(), uuid7(), moment.isoformat(), code)


def _rates(settings: Settings) -> RateLimits:
    quotas = {"key": settings.rate_limit_key, "tenant": settings.rate_limit_tenant, "ip": settings.rate_limit_ip}
    return RateLimits(quotas, settings.rate_limit_seconds)


def _committed(metrics: Metrics, rows: int, seconds: float) -> None:
    metrics.observe("mapper_outbox_commit_duration_seconds", seconds)
    if rows:
        metrics.observe("mapper_outbox_commit_rows", rows)
    else:
        metrics.count("mapper_outbox_failures_total")


def _follow(metrics: Metrics, outbox: Outbox) -> None:
    metrics.follow("mapper_outbox_pending_events", lambda: outbox.pending)
    metrics.follow("mapper_outbox_lag_seconds", lambda: age(outbox.backlog.oldest))
    metrics.follow("mapper_clickhouse_pending_segments", lambda: outbox.backlog.deliveries)
    metrics.follow("mapper_clickhouse_lag_seconds", lambda: age(outbox.backlog.oldest_delivery))


def _progress(metrics: Metrics, outbox: Outbox) -> Progress:
    def shipped(sink: str, moved: Shipped) -> None:
        metrics.count("mapper_shipped_events_total", sink, amount=moved.events)
        metrics.count("mapper_shipped_rejections_total", amount=moved.rejections)

    return Progress(shipped, lambda sink: metrics.count("mapper_shipping_failures_total", sink), outbox.recount)
