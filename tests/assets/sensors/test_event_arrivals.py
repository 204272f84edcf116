"""Every closed tenant-day whose evidence changed gets a report, however the change came about."""

from datetime import UTC, date, datetime

import dagster as dg
import pytest

from mapper_assets.assets.serving import ARRIVALS, EVENT_MANIFEST
from mapper_assets.partitions import TENANTS, parse_key
from mapper_assets.provenance import recorded
from mapper_assets.resources import Artifacts
from mapper_assets.sensors.arrivals import fingerprint
from mapper_assets.sensors.event_arrivals import event_arrivals
from mapper_domain.events import segment_folder
from mapper_domain.layout import Layout

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


@pytest.fixture
def arrive(layout):
    """A segment of a tenant's day appears."""

    def write(tenant: str, day: str, name: str = "0001-00.parquet") -> None:
        folder = layout.events / segment_folder(tenant, day)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"rows")

    return write


@pytest.fixture
def tick(instance, layout):
    """One evaluation of the sensor."""

    def evaluate(cursor: str | None = None, **values) -> dg.SensorResult | dg.SkipReason:
        sensor = event_arrivals(
            **{
                "start": date(2026, 11, 1),
                "job_name": "tenant_report_job",
                "running": False,
                "poll_seconds": 10,
                "now": lambda: NOON,
                **values,
            }
        )
        resources = {"artifacts": Artifacts(root=str(layout.root))}
        with dg.build_sensor_context(instance=instance, resources=resources, cursor=cursor) as context:
            return sensor(context)

    return evaluate


@pytest.fixture
def report(instance, layout):
    """Records what a successful run of a partition records."""

    def record(key: str) -> None:
        metadata = {ARRIVALS: fingerprint(layout, parse_key(key))}
        event = dg.AssetMaterialization(EVENT_MANIFEST, partition=key, metadata=metadata)
        instance.report_runless_asset_event(event)
        assert recorded(instance, EVENT_MANIFEST, key)

    return record


def asked(result) -> list[str]:
    return [request.partition_key for request in result.run_requests]


def test_nothing_arrived_is_nothing_to_do(tick):
    assert isinstance(tick(), dg.SkipReason)


def test_new_tenants_are_added_and_their_days_asked_for_in_the_same_tick(tick, arrive):
    arrive("acme", "2026-11-19")
    arrive("acme", "2026-11-20")
    arrive("globex", "2026-11-20")
    result = tick()
    assert asked(result) == ["2026-11-19|acme", "2026-11-20|acme", "2026-11-20|globex"]
    assert [request.partition_keys for request in result.dynamic_partitions_requests] == [["acme", "globex"]]
    assert all(request.run_key is None for request in result.run_requests)


def test_a_known_tenant_is_not_added_again(tick, arrive, instance):
    instance.add_dynamic_partitions(TENANTS.name, ["acme"])
    arrive("acme", "2026-11-20")
    assert tick().dynamic_partitions_requests == []


def test_the_current_day_is_open_and_waits_until_it_is_over(tick, arrive):
    arrive("acme", "2026-11-21")
    assert isinstance(tick(), dg.SkipReason)
    assert asked(tick(now=lambda: datetime(2026, 11, 22, tzinfo=UTC))) == ["2026-11-21|acme"]


def test_a_reported_day_is_left_alone_until_something_late_arrives_for_it(tick, arrive, report):
    arrive("acme", "2026-11-19")
    arrive("acme", "2026-11-20")
    report("2026-11-19|acme")
    report("2026-11-20|acme")
    assert asked(tick()) == []
    arrive("acme", "2026-11-19", "0002-00.parquet")
    assert asked(tick()) == ["2026-11-19|acme"]


def test_a_day_reported_for_one_tenant_is_not_taken_as_reported_for_another(tick, arrive, report):
    arrive("acme", "2026-11-20")
    arrive("globex", "2026-11-20")
    report("2026-11-20|acme")
    assert asked(tick()) == ["2026-11-20|globex"]


def test_a_run_that_failed_on_the_same_evidence_is_not_asked_for_in_a_loop(tick, arrive, earlier_run):
    arrive("acme", "2026-11-20")
    (request,) = tick().run_requests
    earlier_run(dg.DagsterRunStatus.FAILURE, {**request.tags, "dagster/partition": "2026-11-20|acme"})
    assert asked(tick()) == []
    arrive("acme", "2026-11-20", "0002-00.parquet")
    assert asked(tick()) == ["2026-11-20|acme"]


def test_a_run_under_way_is_not_doubled(tick, arrive, earlier_run):
    arrive("acme", "2026-11-20")
    earlier_run(dg.DagsterRunStatus.STARTED, {"dagster/partition": "2026-11-20|acme"})
    assert asked(tick()) == []


@pytest.mark.parametrize("tenant", ["Acme", "a|b", "a,b", ".."])
def test_a_folder_that_is_no_tenant_is_skipped_and_the_others_go_on(tick, arrive, layout, tenant):
    (layout.events / f"tenant={tenant}" / "day=2026-11-20").mkdir(parents=True)
    arrive("acme", "2026-11-20")
    result = tick()
    assert asked(result) == ["2026-11-20|acme"]
    assert [request.partition_keys for request in result.dynamic_partitions_requests] == [["acme"]]


def test_no_tick_asks_for_more_than_its_share_and_the_next_one_goes_on_where_it_ended(tick, arrive, report):
    days = [f"2026-11-{day:02d}" for day in range(10, 16)]
    for day in days:
        arrive("acme", day)
    seen, cursor = [], None
    for _ in range(3):
        result = tick(cursor, at_once=2)
        assert len(result.run_requests) == 2
        seen += asked(result)
        cursor = result.cursor
    assert seen == [f"{day}|acme" for day in days]


def test_after_the_last_day_it_begins_again_with_the_first(tick, arrive):
    arrive("acme", "2026-11-10")
    arrive("acme", "2026-11-20")
    result = tick("2026-11-20|acme", at_once=1)
    assert asked(result) == ["2026-11-10|acme"]


@pytest.mark.parametrize("cursor", ["garbage", "zzzz", "2026-99-99|"])
def test_a_damaged_cursor_loses_nothing(tick, arrive, cursor):
    arrive("acme", "2026-11-20")
    assert asked(tick(cursor)) == ["2026-11-20|acme"]
