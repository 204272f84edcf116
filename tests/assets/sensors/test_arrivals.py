"""What counts as evidence of a tenant-day, and what counts as a change of it."""

from datetime import UTC, date, datetime

import pytest

from mapper_assets.partitions import TenantDay
from mapper_assets.sensors.arrivals import fingerprint, look
from mapper_domain.events import DayLedger, segment_folder
from mapper_domain.layout import Layout

START, TODAY = date(2026, 11, 1), date(2026, 11, 21)
DAY = TenantDay(tenant="acme", day=date(2026, 11, 20))


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def segment(root, tenant="acme", day="2026-11-20", name="0001-00.parquet", content=b"rows"):
    folder = root / segment_folder(tenant, day)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def ledger(layout, received=3, minute=0):
    folder = layout.ledgers / segment_folder("acme", "2026-11-20")
    folder.mkdir(parents=True, exist_ok=True)
    counts = DayLedger(
        tenant_id="acme",
        day="2026-11-20",
        received=received,
        accepted=2,
        rejected=received - 2,
        last_sequence=2,
        updated_at=datetime(2026, 11, 20, 12, minute, tzinfo=UTC),
    )
    (folder / "ledger.json").write_text(counts.model_dump_json())


def keys(layout):
    return [day.key for day in look(layout, START, TODAY).days]


def test_nothing_on_disk_is_nothing_found(layout):
    assert look(layout, START, TODAY).days == ()


@pytest.mark.parametrize("place", ["events", "rejections"])
def test_a_day_with_any_evidence_is_found(layout, place):
    segment(getattr(layout, place))
    assert keys(layout) == ["2026-11-20|acme"]


def test_a_day_whose_evidence_was_deleted_is_still_found_by_its_manifest(layout):
    (layout.manifests / "acme").mkdir(parents=True)
    (layout.manifests / "acme" / "2026-11-20.json").write_text("{}")
    assert keys(layout) == ["2026-11-20|acme"]


@pytest.mark.parametrize(
    ("day", "found"),
    [("2026-10-31", False), ("2026-11-01", True), ("2026-11-20", True), ("2026-11-21", False), ("2026-11-22", False)],
)
def test_only_closed_days_of_the_grid_are_found(layout, day, found):
    segment(layout.events, day=day)
    assert bool(keys(layout)) is found


@pytest.mark.parametrize(("tenant", "day"), [("Acme", "2026-11-20"), ("a|b", "2026-11-20"), ("acme", "yesterday")])
def test_folders_that_are_no_tenant_and_day_are_refused_by_name(layout, tenant, day):
    segment(layout.events, tenant=tenant, day=day)
    segment(layout.events)
    found = look(layout, START, TODAY)
    assert [entry.key for entry in found.days] == ["2026-11-20|acme"]
    assert found.refused == (f"{tenant}/{day}",)


def test_a_new_segment_a_rejection_and_a_new_count_each_change_the_fingerprint(layout):
    seen = [fingerprint(layout, DAY)]
    for change in (
        lambda: segment(layout.events),
        lambda: segment(layout.events, name="0002-00.parquet"),
        lambda: segment(layout.rejections),
        lambda: ledger(layout),
        lambda: ledger(layout, received=4),
    ):
        change()
        seen.append(fingerprint(layout, DAY))
    assert len(set(seen)) == len(seen)


def test_writing_the_same_ledger_again_later_changes_nothing(layout):
    segment(layout.events)
    ledger(layout, minute=0)
    before = fingerprint(layout, DAY)
    ledger(layout, minute=5)
    assert fingerprint(layout, DAY) == before


def test_an_unreadable_ledger_is_a_change_and_not_a_crash(layout):
    ledger(layout)
    before = fingerprint(layout, DAY)
    (layout.ledgers / segment_folder("acme", "2026-11-20") / "ledger.json").write_text("{")
    assert fingerprint(layout, DAY) != before
