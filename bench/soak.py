"""`python -m bench.soak`: an hour's requests as fast as they are answered, then what became of all of them.

Fails when one was refused, an event is missing, or memory has grown. The warm-up sends every label there is once, so
that the caches are as full after it as they will be; memory may not grow from then on.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import orjson
import pyarrow.parquet as pq
import uvloop

from bench import servers
from bench.load import Load, requests, run
from bench.serving import CONCURRENCY, known_items
from mapper_domain.catalog import load as load_catalog
from mapper_domain.layout import Layout

WARM_SHARE = 0.1
STEPS = 20
GROWTH = 0.05
TENANT = "bench"


class Soak(NamedTuple):
    """What became of the requests.

    Attributes:
        sent: requests.
        failures: answers that were not 200.
        stored: distinct events in segments.
        memory: resident megabytes after each step, the warm-up's first.
        rate: requests per second, over all steps.
        p95: of the slowest step, in milliseconds.
    """

    sent: int
    failures: int
    stored: int
    memory: tuple[float, ...]
    rate: float
    p95: float

    @property
    def growth(self) -> float:
        """Of memory after the warm-up, as a share."""
        return self.memory[-1] / self.memory[0] - 1

    @property
    def clean(self) -> bool:
        """Whether nothing was lost or refused, and memory is what it was."""
        return not self.failures and self.stored == self.sent and self.growth < GROWTH


def soak(root: Path, total: int) -> Soak:
    """Send requests: known labels, other spellings of them, and labels nobody has mapped."""
    known = known_items(load_catalog(root))
    items = [*known, *map(_spelt, known), *map(_strange, range(int(total * WARM_SHARE) - 2 * len(known)))]
    bodies = [orjson.dumps(item) for item in items]
    loads: list[Load] = []
    memory: list[float] = []
    steps = [int(total * WARM_SHARE), *[int(total * (1 - WARM_SHARE) / STEPS)] * STEPS]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        with servers.mapper(root, Path(folder)) as ours:
            prepared = requests("/v1/map", bodies, {"X-API-Key": ours.key})
            for size in steps:
                loads.append(uvloop.run(run(ours.port, prepared, total=size, concurrency=CONCURRENCY)))
                memory.append(_resident(ours.pid))
        seconds = time.monotonic() - started
        stored = _stored(Layout(Path(folder)))
    return Soak(
        sent=sum(steps),
        failures=sum(load.failures for load in loads),
        stored=stored,
        memory=tuple(memory),
        rate=sum(steps) / seconds,
        p95=max(load.p95 for load in loads),
    )


def main() -> int:
    """Soak, print, and fail where it was not clean."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="catalogue root")
    parser.add_argument("--requests", type=int, default=200_000, help="requests in all")
    options = parser.parse_args()
    found = soak(options.root, options.requests)
    print(f"sent {found.sent:,} requests, {found.rate:,.0f}/s, p95 {found.p95:.1f} ms in the slowest step")
    print(f"refused or failed: {found.failures}; events in segments: {found.stored:,}")
    print(
        f"memory {found.memory[0]:.0f} MB after the warm-up, {found.memory[-1]:.0f} MB at the end: {found.growth:+.1%}"
    )
    return 0 if found.clean else 1


def _spelt(item: dict[str, str]) -> dict[str, str]:
    return {**item, "output": item["output"].lower().replace("_", "-")}


def _strange(number: int) -> dict[str, str]:
    return {"detector": "presidio", "output": f"never_seen_{number}"}


def _resident(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * 4096 / 1_000_000


def _stored(layout: Layout) -> int:
    paths = sorted(layout.events.glob(f"tenant={TENANT}/*/*.parquet"))
    return len({event for path in paths for event in pq.read_table(path, columns=["event_id"])["event_id"].to_pylist()})


if __name__ == "__main__":
    sys.exit(main())
