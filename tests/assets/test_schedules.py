"""The inventory fails while a closed tenant-day is not, or not fully, in a report."""

from datetime import date

import dagster as dg
import pytest

from mapper_assets.assets.reports import COMPLIANCE_REPORT
from mapper_assets.assets.serving import ARRIVALS, EVENT_MANIFEST
from mapper_assets.partitions import parse_key
from mapper_assets.resources import Artifacts
from mapper_assets.schedules import SHOWN, inventory
from mapper_assets.sensors.arrivals import fingerprint
from mapper_domain.events import segment_folder

KEY = "2026-11-20|acme"


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def arrive(layout):
    """A segment of a day appears."""

    def write(day: str, name: str = "1-0.parquet") -> None:
        folder = layout.events / segment_folder("acme", day)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"rows")

    return write


@pytest.fixture
def report(layout, instance):
    """Records what a run that made the day's report records."""

    def record() -> None:
        metadata = {ARRIVALS: fingerprint(layout, parse_key(KEY))}
        for event in (
            dg.AssetMaterialization(EVENT_MANIFEST, partition=KEY, metadata=metadata),
            dg.AssetMaterialization(COMPLIANCE_REPORT, partition=KEY, metadata={"status": "FINAL"}),
        ):
            instance.report_runless_asset_event(event)

    return record


@pytest.fixture
def run(layout, instance):
    """Runs the inventory; empty when all is well, else what it says."""
    schedule = inventory(start=date(2026, 9, 1), running=False)

    def execute() -> str:
        result = schedule.job.execute_in_process(
            instance=instance, resources={"artifacts": Artifacts(root=str(layout.root))}, raise_on_error=False
        )
        failures = result.get_step_failure_events()
        return "" if result.success else failures[0].event_specific_data.user_failure_data.description

    return execute


def test_without_events_there_is_nothing_to_report(run):
    assert run() == ""


def test_an_unreported_day_is_named_until_it_is_reported(run, arrive, report):
    arrive("2026-11-20")
    assert run().startswith(f"Not reported: {KEY}.")
    report()
    assert run() == ""


def test_events_that_came_after_the_report_are_noticed(run, arrive, report):
    arrive("2026-11-20")
    report()
    arrive("2026-11-20", "2-0.parquet")
    assert KEY in run()


def test_many_days_are_counted_and_a_page_of_them_named(run, arrive):
    for day in range(1, SHOWN + 4):
        arrive(f"2026-10-{day:02d}")
    assert "and 3 more" in run()
