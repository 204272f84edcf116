"""What callers were told, compared with what lies in segments."""

from collections import Counter, defaultdict
from collections.abc import Collection
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mapper_domain.events import DayLedger
from mapper_serving.objects import Objects


def shipped_events(objects: Objects, tenant: str, days: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows of a tenant's segments by UTC day."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for day in days:
        for key in objects.names(f"events/tenant={tenant}/day={day}", ""):
            found[day] += pq.read_table(
                pa.BufferReader(objects.read(key)), columns=["event_id", "sequence"]
            ).to_pylist()
    return found


def check_exactly_once(
    objects: Objects, acknowledged: Collection[str], days: Collection[str], tenant: str = "acme"
) -> int:
    """Every acknowledged event is there, none twice, numbered without gaps as the ledgers say; how many there are."""
    by_day = shipped_events(objects, tenant, days)
    ids = Counter(row["event_id"] for rows in by_day.values() for row in rows)
    assert set(acknowledged) <= ids.keys()
    assert set(ids.values()) <= {1}
    for day, rows in by_day.items():
        ledger = DayLedger.model_validate_json(objects.read(f"ledgers/tenant={tenant}/day={day}/ledger.json") or b"")
        assert sorted(row["sequence"] for row in rows) == list(range(1, ledger.accepted + 1))
    return ids.total()
