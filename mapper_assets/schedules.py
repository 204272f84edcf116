"""What runs once a day: the inventory, because no failure does not mean that all was reported, and proposals."""

from collections.abc import Iterable
from datetime import UTC, date, datetime

import dagster as dg

from mapper_assets.assets.proposals import PROPOSED_MAPPINGS
from mapper_assets.assets.reports import COMPLIANCE_REPORT
from mapper_assets.assets.serving import ARRIVALS, EVENT_MANIFEST
from mapper_assets.partitions import TenantDay
from mapper_assets.provenance import recorded
from mapper_assets.resources import Artifacts
from mapper_assets.sensors.arrivals import fingerprint, look
from mapper_domain.layout import Layout

SHOWN = 20


def unreported(instance: dg.DagsterInstance, layout: Layout, days: Iterable[TenantDay]) -> tuple[str, ...]:
    """Keys of tenant-days without a report, or with events that came after it."""
    return tuple(
        day.key
        for day in days
        if not recorded(instance, COMPLIANCE_REPORT, day.key)
        or recorded(instance, EVENT_MANIFEST, day.key).get(ARRIVALS) != fingerprint(layout, day)
    )


def inventory(*, start: date, running: bool) -> dg.ScheduleDefinition:
    """A job that fails while a closed tenant-day is unreported, and the schedule that runs it at 02:00 UTC.

    Args:
        start: first reportable UTC day.
        running: whether the schedule starts switched on.
    """

    @dg.op(description="Looks for closed tenant-days whose events are not, or not all, in a report.")
    def every_closed_day_is_reported(context: dg.OpExecutionContext, artifacts: Artifacts) -> None:
        days = look(artifacts.layout, start, datetime.now(UTC).date()).days
        missing = unreported(context.instance, artifacts.layout, days)
        context.log.info(f"{len(days) - len(missing)} of {len(days)} closed tenant-days are reported.")
        if missing:
            more = f" and {len(missing) - SHOWN} more" if len(missing) > SHOWN else ""
            raise dg.Failure(
                description=f"Not reported: {', '.join(missing[:SHOWN])}{more}. Run tenant_report_job for them.",
                allow_retries=False,
            )

    @dg.job(name="inventory_job", description="Fails while a closed tenant-day with events has no current report.")
    def inventory_job() -> None:
        every_closed_day_is_reported()

    return dg.ScheduleDefinition(
        name="daily_inventory",
        job=inventory_job,
        cron_schedule="0 2 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
    )


def daily_proposals(*, running: bool) -> dg.ScheduleDefinition:
    """Proposes mappings for what came in events, at 03:00 UTC.

    Args:
        running: whether the schedule starts switched on.
    """
    return dg.ScheduleDefinition(
        name="daily_proposals",
        target=dg.AssetSelection.assets(PROPOSED_MAPPINGS),
        cron_schedule="0 3 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
    )
