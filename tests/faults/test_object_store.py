"""The object store is away for a while: requests are answered, and then every event is there exactly once."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from seaweed_server import SeaweedServer, seaweed_server
from service_process import Load, ServiceProcess
from shipped_events import check_exactly_once
from utc_days import around_today

from mapper_serving.objects import open_objects

pytestmark = pytest.mark.slow
AWAY_SECONDS = 60.0
UNLIMITED = {"rate_limit_key": 0, "rate_limit_tenant": 0, "rate_limit_ip": 0}


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> Iterator[SeaweedServer]:
    """A store that no other test uses, and the environment of its clients."""
    with seaweed_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


def test_a_store_killed_under_load_costs_no_request_and_no_event(tmp_path: Path, mortal: SeaweedServer) -> None:
    assert os.environ["AWS_ENDPOINT_URL_S3"]
    place = mortal.place()
    service = ServiceProcess(tmp_path, segments=place, segment_rows=1000, **UNLIMITED)
    with Load(service.port, service.acme, callers=2) as load:
        while service.metric('mapper_shipped_events_total{sink="segments"}') == 0:
            time.sleep(0.05)
        mortal.kill()
        killed = time.monotonic()
        while time.monotonic() < killed + AWAY_SECONDS:
            load.wait_for(10)
    lag = service.metric("mapper_outbox_lag_seconds")
    assert service.metric('mapper_shipping_failures_total{sink="segments"}') > 0
    mortal.start()
    end = time.monotonic() + 60
    while service.metric("mapper_outbox_pending_events"):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert service.metric("mapper_outbox_lag_seconds") == 0
    service.end()
    service.ship()
    assert (load.statuses.keys(), load.broken) == ({200}, 0)
    found = check_exactly_once(open_objects(place), load.acknowledged, around_today())
    assert found == len(load.acknowledged)
    print(f"{found} events, each once; the oldest waited at least {lag:.1f} s while the store was away")
