"""The tenant x day grid. Which partitions get a run is decided by `sensors.event_arrivals`, never by automation.

Dagster accepts any text as a dynamic partition key, even `../../etc`; every key that enters here is parsed
as a tenant id and a calendar day before it becomes a path.
"""

from datetime import date

import dagster as dg

from mapper_domain.errors import MapperError
from mapper_domain.tenants import parse_tenant
from mapper_domain.value import Value

TENANTS = dg.DynamicPartitionsDefinition(name="tenant")


class InvalidPartition(MapperError):
    """The partition key is not a tenant id and a UTC day."""


class TenantDay(Value):
    """One partition: a tenant and a UTC day."""

    tenant: str
    day: date

    @property
    def key(self) -> dg.MultiPartitionKey:
        """The Dagster key, `<day>|<tenant>`: dimensions are ordered by name."""
        return dg.MultiPartitionKey({"tenant": parse_tenant(self.tenant), "day": self.day.isoformat()})


def tenant_days(start: date) -> dg.MultiPartitionsDefinition:
    """Every tenant by every closed UTC day from `start` on."""
    return dg.MultiPartitionsDefinition(
        {"tenant": TENANTS, "day": dg.DailyPartitionsDefinition(start_date=start.isoformat(), timezone="UTC")}
    )


def parse_key(key: str) -> TenantDay:
    """Tenant and day of a partition key.

    Raises:
        InvalidPartition: when it is not `<yyyy-mm-dd>|<tenant>`.
        InvalidTenant: when the tenant could escape a folder or break a key.
    """
    day, separator, tenant = key.partition("|")
    try:
        parsed = date.fromisoformat(day)
    except ValueError:
        parsed = None
    if not separator or parsed is None or parsed.isoformat() != day:
        raise InvalidPartition(f"{key[:80]!r} is not a partition: write it as `2026-11-20|acme`.")
    return TenantDay(tenant=parse_tenant(tenant), day=parsed)
