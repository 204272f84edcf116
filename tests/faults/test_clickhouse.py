"""ClickHouse goes away under load: nothing waits for it, and afterwards every event is in it once."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_bridge import ClickHouseBridge, clickhouse_bridge
from clickhouse_connect import get_client
from service_process import Load, ServiceProcess

from mapper_domain.errors import EventWriteError
from mapper_serving.shipping.clickhouse import TABLE, ClickHouse

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mortal() -> Iterator[ClickHouseBridge]:
    """The real engine behind ClickHouse's HTTP interface; no server was to be had."""
    with clickhouse_bridge() as bridge:
        yield bridge


def test_a_wrong_password_is_told_without_the_password(mortal: ClickHouseBridge) -> None:
    with pytest.raises(EventWriteError, match=r"ClickHouse failed: DatabaseError 516\."):
        ClickHouse(mortal.url.replace("secret", "guess"))


def test_clickhouse_killed_under_load_costs_nothing_and_gets_everything_later(
    tmp_path: Path, mortal: ClickHouseBridge
) -> None:
    service = ServiceProcess(tmp_path, clickhouse_url=mortal.url)
    with Load(service.port, service.acme, callers=2) as load:
        wait(lambda: service.metric('mapper_shipped_events_total{sink="clickhouse"}') > 0)
        mortal.kill()
        load.wait_for(50)
        wait(lambda: service.metric('mapper_shipping_failures_total{sink="clickhouse"}') > 0)
        wait(lambda: service.metric("mapper_clickhouse_lag_seconds") > 1)
        assert service.metric('mapper_shipping_failures_total{sink="segments"}') == 0
        waiting = service.metric("mapper_clickhouse_pending_segments")
    mortal.start()
    wait(lambda: service.metric("mapper_clickhouse_pending_segments") == 0)
    service.end()
    service.ship()
    assert (load.statuses.keys(), load.broken) == ({200}, 0)
    client: Any = get_client(dsn=mortal.url)
    rows = client.query(f"SELECT event_id FROM {TABLE} FINAL").result_rows
    assert Counter(id_ for (id_,) in rows) == Counter(load.acknowledged)
    print(f"{len(rows)} events in the table, each once; {waiting:.0f} segments waited while it was away")


def wait(until: Any, seconds: float = 60) -> None:
    """Return when something has become true."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.1)
