"""Known labels over HTTP, durable event included, beside a bare FastAPI echo of the same body under the same server."""

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import orjson
import uvloop

from bench import servers
from bench.load import Load, requests, run
from bench.servers import Unclean
from bench.table import Row
from mapper_domain.catalog import Catalog
from mapper_domain.catalog import load as load_catalog

CONCURRENCY = 16
BATCH = 1000


def measure(root: Path, *, runs: int, total: int) -> list[Row]:
    """Rows of the table: medians over interleaved runs."""
    items = known_items(load_catalog(root))
    bodies = [orjson.dumps(item) for item in items]
    batch = orjson.dumps({"items": [items[n % len(items)] for n in range(BATCH)]})
    with tempfile.TemporaryDirectory() as folder, servers.echo() as echo, servers.mapper(root, Path(folder)) as ours:
        key = {"X-API-Key": ours.key}
        single, whole = requests("/v1/map", bodies, key), requests("/v1/map:batch", [batch], key)
        found: dict[str, list[Load]] = {"echo": [], "map": [], "one caller": [], "batch": []}
        for turn in range(runs + 1):
            for name, (port, prepared, count, concurrency) in {
                "echo": (echo, requests("/map", bodies, {}), total, CONCURRENCY),
                "map": (ours.port, single, total, CONCURRENCY),
                "one caller": (ours.port, single, total // 5, 1),
                "batch": (ours.port, whole, 10, 1),
            }.items():
                load = uvloop.run(run(port, prepared, total=count, concurrency=concurrency))
                if load.failures:
                    raise Unclean(f"{load.failures} of {count} requests to {name} failed.")
                if turn:  # the first turn warms all of them
                    found[name].append(load)
    return _rows(found)


def known_items(catalog: Catalog) -> list[dict[str, str]]:
    """Labels that every caller may send as they are, up to 400."""
    return [
        {"detector": detector.name, "output": mapping.label}
        for detector in catalog.detectors
        for mapping in detector.maps
        if mapping.field is None and not (detector.payload and detector.payload.text)
    ][:400]


def _rows(found: dict[str, list[Load]]) -> list[Row]:
    def median(runs: Sequence[Load], field: str) -> float:
        return statistics.median(getattr(load, field) for load in runs)

    what = f"known label, {CONCURRENCY} at once"
    echo, mapped, alone = found["echo"], found["map"], median(found["one caller"], "rate")
    batched = median(found["batch"], "rate") * BATCH
    return [
        Row(f"{what}: requests/s beside the echo's", median(mapped, "rate"), median(echo, "rate"), ">= 0.60"),
        Row(f"{what}: p50, ms", median(mapped, "p50"), median(echo, "p50")),
        Row(f"{what}: p95, ms", median(mapped, "p95"), median(echo, "p95"), "<= 2.5"),
        Row(f"batch of {BATCH}, one caller: labels/s beside its single calls", batched, alone, ">= 10"),
        Row(
            f"batch of {BATCH}, one caller: beside {CONCURRENCY} single calls at once", batched, median(mapped, "rate")
        ),
    ]
