"""Shipping as the service does it: every few seconds, in a thread of its own, and once more at the end."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple, Protocol

import structlog

from mapper_domain.errors import EventWriteError
from mapper_serving.objects import open_objects
from mapper_serving.outbox.open import draining
from mapper_serving.outbox.store import StoreFailed
from mapper_serving.secrets.opening import open_secrets
from mapper_serving.secrets.references import SecretUnavailable
from mapper_serving.secrets.store import Secrets
from mapper_serving.settings import Settings
from mapper_serving.shipping.drain import Shipped, ship

log = structlog.get_logger(__name__)
SEGMENTS, CLICKHOUSE = "segments", "clickhouse"


class Progress(NamedTuple):
    """Whom shipping tells what it does; a sink is `segments` or `clickhouse`."""

    shipped: Callable[[str, Shipped], None] = lambda _sink, _shipped: None
    failed: Callable[[str], None] = lambda _sink: None
    rounds: Callable[[], None] = lambda: None


class Work(Protocol):
    """What is done for one sink; yields what it has moved."""

    def __call__(self, settings: Settings, *, wait: bool) -> Iterator[Shipped]:
        """Do all there is to do now."""
        ...


def ship_segments(settings: Settings, *, wait: bool = True, secrets: Secrets | None = None) -> Iterator[Shipped]:
    """Ship what is in the outbox to segments, yielding after each shipment.

    Safe beside the service and beside other shippers.

    Args:
        settings: where the outbox and the segments are.
        wait: for another shipper to end; else nothing is done while there is one.
        secrets: those the URLs refer to.

    Raises:
        EventWriteError: or `OSError`, when a segment cannot be written.
        StoreFailed: when the outbox cannot be read.
    """
    with draining(settings, SEGMENTS, wait=wait, secrets=secrets) as drain:
        if drain is None:
            return
        objects = open_objects(settings.segments or settings.artifacts)
        yield from ship(drain, objects, rows=settings.segment_rows, deliver=bool(settings.clickhouse_url))
        drain.forget_expired(datetime.now(UTC))


def load_clickhouse(settings: Settings, *, wait: bool = True, secrets: Secrets | None = None) -> Iterator[Shipped]:
    """Load segments that wait for it into ClickHouse, yielding after each.

    Raises:
        EventWriteError: or `OSError`, when a segment cannot be read or loaded.
        StoreFailed: when the outbox cannot be read.
        SecretUnavailable: when the URL of ClickHouse refers to a secret that cannot be read.
    """
    from mapper_serving.shipping.clickhouse import ClickHouse

    if not settings.clickhouse_url:
        return
    secrets = secrets or open_secrets(settings)
    with draining(settings, CLICKHOUSE, wait=wait, secrets=secrets) as drain, ExitStack() as opened:
        if drain is None:
            return
        objects = open_objects(settings.segments or settings.artifacts)
        clickhouse = None
        while True:
            with drain.next_delivery() as segment:
                if segment is None:
                    return
                url = secrets.fill(settings.clickhouse_url)
                clickhouse = clickhouse or opened.enter_context(closing(ClickHouse(url)))
                rows = clickhouse.load(objects, segment)
            yield Shipped(rows)


class Shipper:
    """Ships until it is closed, each sink in a thread of its own: a slow one holds up no other."""

    def __init__(self, settings: Settings, progress: Progress, secrets: Secrets) -> None:
        loops = [_Loop(SEGMENTS, partial(ship_segments, secrets=secrets), settings, progress)]
        if settings.clickhouse_url:
            loops.append(_Loop(CLICKHOUSE, partial(load_clickhouse, secrets=secrets), settings, progress))
        self._loops = loops

    def close(self, seconds: float) -> None:
        """Ship what is left, for so long at most, then stop. What is not shipped by then stays in the outbox."""
        end = time.monotonic() + seconds
        for loop in self._loops:
            loop.close(max(0.0, end - time.monotonic()))


class _Loop:
    """Does one sink's work every few seconds, and once more when it is closed."""

    def __init__(self, sink: str, work: Work, settings: Settings, progress: Progress) -> None:
        self._sink, self._work, self._settings, self._progress = sink, work, settings, progress
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"ship-{sink}", daemon=True)
        self._thread.start()

    def close(self, seconds: float) -> None:
        self._stop.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.wait(self._settings.ship_seconds):
            self._round(wait=False)
        self._round(wait=True)

    def _round(self, *, wait: bool) -> None:
        try:
            for shipped in self._work(self._settings, wait=wait):
                self._progress.shipped(self._sink, shipped)
        except Exception as error:  # the next round tries again; nothing may end this thread
            self._progress.failed(self._sink)
            told = str(error) if isinstance(error, (EventWriteError, OSError, StoreFailed, SecretUnavailable)) else ""
            log.error("shipping.failed", sink=self._sink, exc_info=error, detail=told)
        self._progress.rounds()
