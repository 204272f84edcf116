"""Which tenant-days have evidence, and whether it changed. Looks at names and sizes only, so that it stays cheap.

No Dagster here. What the files hold is for `reporting.manifest` to read.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import ValidationError

from mapper_assets.partitions import TenantDay
from mapper_domain.errors import InvalidTenant
from mapper_domain.events import DayLedger, segment_folder
from mapper_domain.layout import Layout
from mapper_domain.tenants import parse_tenant


@dataclass(frozen=True, slots=True)
class Found:
    """What lies below the artefact root.

    Attributes:
        days: tenant-days from the first reportable day to the last closed one, sorted by their key.
        refused: folder names that are no tenant or no day, for the log.
    """

    days: tuple[TenantDay, ...]
    refused: tuple[str, ...]


def look(layout: Layout, start: date, today: date) -> Found:
    """Tenant-days with segments, rejections or a ledger, and those a manifest once spoke of.

    Args:
        layout: where artefacts lie.
        start: first reportable UTC day.
        today: the current UTC day, which is still open and left out.
    """
    days: dict[str, TenantDay] = {}
    refused: set[str] = set()
    for tenant, day in _folders(layout):
        try:
            found = TenantDay(tenant=parse_tenant(tenant), day=date.fromisoformat(day))
        except (InvalidTenant, ValueError):
            refused.add(f"{tenant}/{day}"[:120])
            continue
        if start <= found.day < today:
            days[found.key] = found
    return Found(tuple(days[key] for key in sorted(days)), tuple(sorted(refused)))


def fingerprint(layout: Layout, found: TenantDay) -> str:
    """SHA-256 (hex) over the names and sizes of a day's segments and the counts of its ledger.

    Segment names carry the hash of their content, so a name and a size stand for the bytes as written.
    """
    folder = segment_folder(found.tenant, found.day.isoformat())
    digest = hashlib.sha256()
    for root in (layout.events, layout.rejections):
        for path in sorted((root / folder).glob("*.parquet")):
            digest.update(f"{root.name}/{path.name} {path.stat().st_size}\n".encode())
    digest.update(_ledger(layout.ledgers / folder / "ledger.json").encode())
    return digest.hexdigest()


def _folders(layout: Layout) -> Iterator[tuple[str, str]]:
    for root in (layout.events, layout.rejections, layout.ledgers):
        for path in root.glob("*/*"):
            if path.is_dir():
                yield path.parent.name.removeprefix("tenant="), path.name.removeprefix("day=")
    for path in layout.manifests.glob("*/*.json"):
        yield path.parent.name, path.stem


def _ledger(path: Path) -> str:
    if not path.exists():
        return "no ledger"
    content = path.read_bytes()
    try:
        return DayLedger.model_validate_json(content).model_dump_json(exclude={"updated_at"})
    except ValidationError:
        return hashlib.sha256(content).hexdigest()
