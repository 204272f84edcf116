"""The six steps of a swap: load, warm, flip, drain, close, and then the memory is gone."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from serving_app import App
from swapping import UNSEEN, Engines, Maker, point, serves, wait_until

from mapper_domain.layout import Layout
from mapper_domain.release import Canary
from mapper_serving.releases.leases import Lease, Leases
from mapper_serving.releases.routing import Routing
from mapper_serving.state import Serving

BALLAST = 48 << 20


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def engines() -> Engines:
    """Engines as heavy as a small adapter."""
    return Engines(BALLAST)


def test_ten_swaps_leave_one_engine_and_the_memory_of_one(
    tmp_path: Path, made: Maker, start: Callable[[], App], engines: Engines
) -> None:
    app, layout = start(), Layout(tmp_path)
    releases = [made("JAILBREAK.Attempt"), made("HARM.SPEECH.Threat")]
    point(layout, releases[0])
    wait_until(serves(app, releases[0]))
    app.map("presidio", UNSEEN)
    before = resident()
    for number in range(1, 11):
        wanted = releases[number % 2]
        point(layout, wanted)
        wait_until(serves(app, wanted))
        assert app.map("presidio", UNSEEN).headers["X-Release"] == wanted
    wait_until(lambda: len(engines.alive) == 1)
    assert engines.opened == 11
    assert app.metric("mapper_release_drain_duration_seconds_count") == 11
    grown = resident() - before
    sys.stdout.write(f"ten swaps of {BALLAST >> 20} MiB: the process grew by {grown / 2**20:.0f} MiB\n")
    assert grown < 2 * BALLAST


def test_an_engine_is_closed_once_and_only_when_nobody_holds_it(
    tmp_path: Path, made: Maker, start: Callable[[], App], engines: Engines
) -> None:
    app, layout = start(), Layout(tmp_path)
    first, second = made("JAILBREAK.Attempt"), made("HARM.SPEECH.Threat")
    point(layout, first)
    wait_until(serves(app, first))
    (engine,) = engines.alive
    releases = app.http.app.state.service.releases  # type: ignore[attr-defined]
    portal = app.http.portal
    assert portal is not None
    lease = releases.lease()
    routing = portal.call(lease.__enter__)
    point(layout, second)
    wait_until(serves(app, second))
    assert app.map("presidio", UNSEEN).json()["taxonomy"] == ["HARM.SPEECH.Threat"]
    assert (routing.stable.versions.release, engine.closed) == (first, 0)
    portal.call(lease.__exit__, None, None, None)
    wait_until(lambda: engine.closed == 1)


def test_a_request_that_holds_a_release_for_ever_does_not_keep_its_memory(
    tmp_path: Path, made: Maker, start: Callable[..., App], engines: Engines
) -> None:
    app, layout = start(release_drain_seconds=0.1), Layout(tmp_path)
    first, second = made("JAILBREAK.Attempt"), made("HARM.SPEECH.Threat")
    point(layout, first)
    wait_until(serves(app, first))
    (engine,) = engines.alive
    portal = app.http.portal
    assert portal is not None
    lease = app.http.app.state.service.releases.lease()  # type: ignore[attr-defined]
    portal.call(lease.__enter__)
    point(layout, second)
    wait_until(lambda: engine.closed == 1)
    portal.call(lease.__exit__, None, None, None)


def test_a_canary_that_is_promoted_is_not_loaded_again(
    tmp_path: Path, made: Maker, start: Callable[[], App], engines: Engines
) -> None:
    app, layout = start(), Layout(tmp_path)
    first, second = made("JAILBREAK.Attempt"), made("HARM.SPEECH.Threat")
    point(layout, first, canary=Canary(release=second, share=1.0))
    wait_until(lambda: app.map("presidio", UNSEEN).headers["X-Release"] == second)
    point(layout, second)
    wait_until(serves(app, second))
    wait_until(lambda: len(engines.alive) == 1)
    assert engines.opened == 2
    assert engines.alive[0].closed == 0


def test_every_engine_is_closed_when_the_service_ends(
    tmp_path: Path, made: Maker, start: Callable[[], App], engines: Engines
) -> None:
    app, layout = start(), Layout(tmp_path)
    first, second = made("JAILBREAK.Attempt"), made("HARM.SPEECH.Threat")
    point(layout, first, canary=Canary(release=second, share=0.5))
    wait_until(lambda: engines.opened == 2)  # the second one is not in service yet, perhaps
    held = engines.alive
    app.http.__exit__()
    assert [engine.closed for engine in held] == [1, 1]


def test_leases_count_what_they_hold(rules: Serving) -> None:
    async def hold_and_let_go() -> None:
        leases, routing = Leases(), Routing(rules)
        with Lease(leases, routing) as first, Lease(leases, routing):
            assert first is routing
            assert leases.held == 2
            assert not await leases.drained(rules, 0.01)
        assert leases.held == 0
        assert await leases.drained(rules, 0)

    asyncio.run(hold_and_let_go())
