"""What the demo reads back from disk: stored events and finished reports."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from demo.failure import DemoFailed
from mapper_assets.reporting.bundle import verify
from mapper_domain.events import segment_folder
from mapper_domain.layout import Layout

COLUMNS = ["event_id", "tenant_id", "detector", "source_label", "source_label_hmac", "taxonomy", "confidence", "route"]


@dataclass(frozen=True, slots=True)
class Report:
    """The latest revision of one tenant's day.

    Attributes:
        status: FINAL, AMENDED or INCOMPLETE.
        event_ids: events it accounts for.
    """

    tenant: str
    day: str
    folder: Path
    status: str
    event_ids: frozenset[str]


def stored_events(layout: Layout, tenant_days: Iterable[tuple[str, str]]) -> pd.DataFrame:
    """Shipped events of these tenants and days, one row each."""
    folders = (layout.events / segment_folder(tenant, day) for tenant, day in tenant_days)
    files = [path for folder in folders for path in sorted(folder.glob("*.parquet"))]
    if not files:
        raise DemoFailed(f"There are no event segments below {layout.events}.")
    tables: list[pd.DataFrame] = [pq.read_table(path, columns=COLUMNS).to_pandas() for path in files]
    return pd.concat(tables, ignore_index=True)


def report_of(layout: Layout, tenant: str, day: str) -> Report:
    """The latest report of a tenant's day, every file of it checked against its hash.

    Raises:
        DemoFailed: when there is none.
        EvidenceIncomplete: when a file of it was altered.
    """
    revisions = sorted((layout.reports / tenant / day[:4] / day[5:7] / day[8:10]).glob("r[0-9]*"))
    if not revisions:
        raise DemoFailed(f"There is no report of {tenant} for {day}.")
    manifest = verify(revisions[-1])
    with (revisions[-1] / "events.csv").open(encoding="utf-8-sig", newline="") as stream:
        event_ids = frozenset(row["event_id"] for row in csv.DictReader(stream))
    return Report(tenant, day, revisions[-1], manifest.status, event_ids)
