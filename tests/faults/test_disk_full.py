"""The disk is full under the outbox: refused and not ready, and back by itself once there is room again."""

import resource
from pathlib import Path

import pytest
from service_process import Load, ServiceProcess
from shipped_events import check_exactly_once
from utc_days import around_today

from mapper_serving.objects import Folder

pytestmark = pytest.mark.slow


def allow(service: ServiceProcess, size: int) -> None:
    """Let no file of the service and its children grow beyond a size; writing more fails as on a full disk."""
    for pid in (service.process.pid, *service.children):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_is_refused_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    service = ServiceProcess(tmp_path)
    with Load(service.port, service.acme) as load:
        load.wait_for(100)
        files = (tmp_path / "outbox").glob("outbox.sqlite*")
        allow(service, min(path.stat().st_size for path in files if path.stat().st_size))
        load.wait_for_status(503)
        refusing = service.get("/readyz")
        assert refusing[0] == 503
        assert "outbox" in refusing[1]
        allow(service, resource.RLIM_INFINITY)
        service.wait_until_ready(30)
        load.wait_for(100)
    service.end()
    service.ship()
    assert load.statuses.keys() == {200, 503}
    assert load.broken == 0
    found = check_exactly_once(Folder(tmp_path), load.acknowledged, around_today())
    assert found == len(load.acknowledged)
    print(
        f"{found} events acknowledged and shipped once; {load.statuses[503]} requests refused while the disk was full"
    )
