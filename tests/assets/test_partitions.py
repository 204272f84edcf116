"""Only tenant ids and calendar days become partitions: Dagster itself would take anything."""

from datetime import date

import pytest

from mapper_assets.partitions import InvalidPartition, TenantDay, parse_key, tenant_days
from mapper_domain.errors import InvalidTenant


def test_a_key_is_the_day_then_the_tenant_and_reads_back():
    day = TenantDay(tenant="acme", day=date(2026, 11, 20))
    assert day.key == "2026-11-20|acme"
    assert parse_key(day.key) == day


@pytest.mark.parametrize("tenant", ["../../etc", "a|b", "a,b", "x/y", "", ".", "Acme", "-acme", "a" * 64, "a\n"])
def test_a_tenant_that_could_leave_its_folder_or_break_a_key_is_refused(tenant):
    with pytest.raises(InvalidTenant):
        parse_key(f"2026-11-20|{tenant}")
    with pytest.raises(InvalidTenant):
        _ = TenantDay(tenant=tenant, day=date(2026, 11, 20)).key


@pytest.mark.parametrize("key", ["acme", "2026-11-31|acme", "20261120|acme", "|acme", "2026-11-20", "../..|acme"])
def test_what_is_not_a_day_and_a_tenant_is_refused(key):
    with pytest.raises(InvalidPartition):
        parse_key(key)


def test_the_grid_begins_on_the_configured_day():
    grid = tenant_days(date(2026, 9, 1))
    assert grid.primary_dimension.partitions_def.get_first_partition_key() == "2026-09-01"
    assert grid.secondary_dimension.name == "tenant"
