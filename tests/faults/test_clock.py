"""The wall clock jumps under load: numbers go on without a gap, and nothing waits for a time that has gone."""

import subprocess
from pathlib import Path

import pytest
from service_process import Load, ServiceProcess
from shipped_events import check_exactly_once
from utc_days import around_today

from mapper_serving.objects import Folder

pytestmark = pytest.mark.slow


def faketime_library() -> str:
    """libfaketime, from Debian's package of that name; it changes what a process is told the time is."""
    listed = subprocess.run(["dpkg", "-L", "libfaketime"], capture_output=True, text=True, check=True).stdout
    return next(line for line in listed.splitlines() if line.endswith("libfaketimeMT.so.1"))


def test_a_clock_that_jumps_ahead_and_back_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0")
    monkeypatch.setenv("LD_PRELOAD", faketime_library())
    monkeypatch.setenv("FAKETIME_TIMESTAMP_FILE", str(offset))
    monkeypatch.setenv("FAKETIME_NO_CACHE", "1")
    monkeypatch.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    service = ServiceProcess(tmp_path)
    monkeypatch.delenv("LD_PRELOAD")
    with Load(service.port, service.acme, callers=4) as load:
        for jump in ("+0", "+1d", "-1d", "+3600", "-2d", "+0"):
            offset.write_text(jump)
            load.wait_for(40)
            assert service.metric("mapper_outbox_lag_seconds") >= 0
            assert service.get("/readyz")[0] == 200
    service.end()
    service.ship()
    assert (load.statuses.keys(), load.broken) == ({200}, 0)
    days = around_today(3, 2)
    found = check_exactly_once(Folder(tmp_path), load.acknowledged, days)
    assert found == len(load.acknowledged)
    used = [day for day in days if (tmp_path / f"events/tenant=acme/day={day}").exists()]
    assert len(used) >= 4
    print(f"{found} events, each once, on {len(used)} days over five jumps of the clock")
