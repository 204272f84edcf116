"""One tenant's day from segments to report, as the job runs it; evidence that does not reconcile fails the run."""

from pathlib import Path

import dagster as dg
import pytest
from segments import DAY, TENANT, write_sound_day

from mapper_assets.assets.reports import COMPLIANCE_REPORT
from mapper_assets.assets.serving import ARRIVALS, EVENT_MANIFEST
from mapper_assets.build import build_defs
from mapper_assets.jobs import REPORT_JOB
from mapper_assets.partitions import TENANTS, parse_key
from mapper_assets.provenance import recorded
from mapper_assets.schedules import unreported
from mapper_assets.sensors.arrivals import fingerprint
from mapper_assets.settings import Settings
from mapper_domain.catalog import load
from mapper_domain.events import segment_folder

REPOSITORY = Path(__file__).parents[3]
KEY = f"{DAY}|{TENANT}"


@pytest.fixture
def settings(tmp_path):
    return Settings(root=REPOSITORY, artifacts=tmp_path)


@pytest.fixture
def layout(settings):
    """A sound day of evidence."""
    write_sound_day(settings.layout, load(REPOSITORY))
    return settings.layout


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def run(settings, instance):
    """Runs the report job for a partition."""
    job = build_defs(settings).resolve_job_def(REPORT_JOB)

    def execute(key: str = KEY) -> dg.ExecuteInProcessResult:
        instance.add_dynamic_partitions(TENANTS.name, [key.split("|", 1)[1]])
        return job.execute_in_process(partition_key=key, instance=instance, raise_on_error=False)

    return execute


def failures(result) -> str:
    return "\n".join(str(event.event_specific_data.error) for event in result.get_step_failure_events())


def test_a_sound_day_gives_a_report_whose_checks_all_pass(run, layout, instance):
    result = run()
    assert result.success, failures(result)
    assert {e.check_name: e.passed for e in result.get_asset_check_evaluations()} == {
        "sound": True,
        "counts_every_event": True,
        "reconciles": True,
        "versions_present": True,
        "sha_recorded": True,
    }
    metadata = recorded(instance, COMPLIANCE_REPORT, KEY)
    assert Path(str(metadata["pdf"])).read_bytes().startswith(b"%PDF")
    assert metadata["status"] == "FINAL"


def test_what_was_recorded_is_what_the_sensor_and_the_inventory_compare(run, layout, instance):
    day = parse_key(KEY)
    assert unreported(instance, layout, [day]) == (KEY,)
    run()
    assert recorded(instance, EVENT_MANIFEST, KEY)[ARRIVALS] == fingerprint(layout, day)
    assert unreported(instance, layout, [day]) == ()


def test_running_it_again_on_the_same_evidence_reuses_the_report(run, layout, instance):
    run()
    first = recorded(instance, COMPLIANCE_REPORT, KEY)
    assert run().success
    again = recorded(instance, COMPLIANCE_REPORT, KEY)
    assert (again["reused"], again["sha256"], again["revision"]) == (True, first["sha256"], 1)


def test_a_lost_segment_fails_the_run_says_why_and_still_writes_an_incomplete_report(run, layout, instance):
    next((layout.events / segment_folder(TENANT, DAY)).glob("*.parquet")).unlink()
    result = run()
    assert not result.success
    assert "INCOMPLETE" in failures(result)
    assert [path.name for path in layout.reports.rglob("report.pdf")] == ["report.pdf"]
    assert not recorded(instance, COMPLIANCE_REPORT, KEY)


@pytest.mark.parametrize("tenant", ["../../etc", "Acme", "x/y"])
def test_a_tenant_that_was_added_past_the_sensor_is_refused_before_anything_is_written(run, settings, tenant):
    result = run(f"{DAY}|{tenant}")
    assert not result.success
    assert "is not a tenant id" in failures(result)
    assert not list(settings.artifacts.iterdir())
