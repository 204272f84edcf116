"""Asks for the report of every closed tenant-day whose evidence differs from what was last reported.

Compares what lies on disk with the latest materialisation, so it heals itself after a lost cursor, a failed run
or late events, which make a new revision of the day they belong to. The cursor only says where to go on.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import dagster as dg

from mapper_assets.assets.serving import ARRIVALS, EVENT_MANIFEST
from mapper_assets.partitions import TENANTS, TenantDay
from mapper_assets.provenance import recorded
from mapper_assets.resources import Artifacts
from mapper_assets.sensors.arrivals import Found, fingerprint, look
from mapper_assets.sensors.attempts import already_tried
from mapper_domain.layout import Layout

ARRIVALS_TAG = "mapper/arrivals"
AT_ONCE = 25
"""Most reports asked for in one tick."""
BUDGET_SECONDS = 20.0
"""Longest a tick looks; Dagster ends a tick after 60 s and everything it found is lost."""


def utc_now() -> datetime:
    """The time now, UTC."""
    return datetime.now(UTC)


def event_arrivals(
    *,
    start: date,
    job_name: str,
    running: bool,
    poll_seconds: int,
    now: Callable[[], datetime] = utc_now,
    at_once: int = AT_ONCE,
) -> dg.SensorDefinition:
    """The sensor over event segments.

    Args:
        start: first reportable UTC day.
        job_name: job that makes the reports of one partition.
        running: whether it starts switched on.
        poll_seconds: how often it looks.
        now: clock; a day is closed once it is over in UTC.
        at_once: most reports asked for in one tick.
    """

    @dg.sensor(
        name="event_arrivals",
        job_name=job_name,
        minimum_interval_seconds=poll_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Adds tenants and asks for the reports of closed days whose events changed.",
    )
    def sensor(context: dg.SensorEvaluationContext, artifacts: Artifacts) -> dg.SensorResult | dg.SkipReason:
        found = look(artifacts.layout, start, now().date())
        for name in found.refused:
            context.log.warning(f"Skipped {name!r}: it is not a tenant and a day.")
        if not found.days:
            return dg.SkipReason("No closed day has events yet.")
        known = set(context.instance.get_dynamic_partitions(str(TENANTS.name)))
        new = sorted({day.tenant for day in found.days} - known)
        wanted, cursor = _wanted(context, artifacts.layout, found, at_once)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(partition_key=day.key, tags={ARRIVALS_TAG: tag}) for day, tag in wanted],
            dynamic_partitions_requests=[TENANTS.build_add_request(new)] if new else [],
            cursor=cursor,
        )

    return sensor


def _wanted(
    context: dg.SensorEvaluationContext, layout: Layout, found: Found, at_once: int
) -> tuple[list[tuple[TenantDay, str]], str]:
    deadline = time.monotonic() + BUDGET_SECONDS
    wanted: list[tuple[TenantDay, str]] = []
    cursor = context.cursor or ""
    for day in _from(found.days, cursor):
        cursor = day.key
        sha256 = fingerprint(layout, day)
        if recorded(context.instance, EVENT_MANIFEST, day.key).get(ARRIVALS) != sha256:
            tag = sha256[:32]
            if reason := already_tried(context.instance, {"dagster/partition": day.key}, ARRIVALS_TAG, tag):
                context.log.info(f"{day.key}: {reason}")
            else:
                wanted.append((day, tag))
        if len(wanted) >= at_once or time.monotonic() > deadline:
            break
    return wanted, cursor


def _from(days: tuple[TenantDay, ...], cursor: str) -> Iterator[TenantDay]:
    """All days once, beginning after the cursor, so that a busy one cannot keep the others waiting."""
    yield from (day for day in days if day.key > cursor)
    yield from (day for day in days if day.key <= cursor)
