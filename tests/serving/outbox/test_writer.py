"""The writer in a process of its own: the same outcomes as in a thread, replaced when it dies, gone with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from outbox_rows import event, held, ids, reply, reservation
from serving_app import REPOSITORY

from mapper_domain.errors import EventWriteError
from mapper_serving.outbox.open import open_outbox, open_store
from mapper_serving.outbox.outbox import GONE, Outbox
from mapper_serving.outbox.rows import ReplayTaken
from mapper_serving.outbox.writer import Apart
from mapper_serving.settings import Settings


@pytest.fixture
def apart(place: Settings) -> Settings:
    """Settings of an outbox whose writer is a process."""
    return place.model_copy(update={"outbox_apart": True})


def writers(parent: int) -> list[int]:
    """Writing processes of a process."""
    found = [int(pid) for task in Path(f"/proc/{parent}/task").glob("*/children") for pid in task.read_text().split()]
    return [pid for pid in found if b"outbox.writer" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


async def until_it_accepts(outbox: Outbox) -> None:
    async with asyncio.timeout(60):
        while outbox.problem or not outbox.accepts:
            await asyncio.sleep(0.05)


def test_rows_and_replies_are_kept_and_counted_as_by_a_thread(apart: Settings) -> None:
    outbox = open_outbox(apart)
    big = [event(n, size=100_000) for n in range(40)]  # more than the buffers between the two hold

    async def append_all() -> list[BaseException | None]:
        submissions = [(big, None), ([event(90)], reply()), ([event(91)], reservation())]
        return await asyncio.gather(*(outbox.append(rows, kept) for rows, kept in submissions), return_exceptions=True)

    assert [type(outcome) for outcome in asyncio.run(append_all())] == [type(None), type(None), ReplayTaken]
    assert outbox.pending == 41
    outbox.close()
    assert ids(held(apart).values()) == [str(n) for n in (*range(40), 90)]
    assert writers(os.getpid()) == []


def test_what_was_submitted_is_durable_once_it_is_closed_though_nobody_waited(apart: Settings) -> None:
    outbox = open_outbox(apart)

    async def leave() -> None:
        tasks = [asyncio.create_task(outbox.append([event(n)])) for n in range(20)]
        await asyncio.sleep(0)
        await asyncio.to_thread(outbox.close)
        await asyncio.gather(*tasks)

    asyncio.run(leave())
    assert ids(held(apart).values()) == [str(n) for n in range(20)]


def test_when_the_writer_dies_its_callers_are_told_and_another_one_goes_on(apart: Settings) -> None:
    commits: list[int] = []
    outbox = open_outbox(apart, lambda rows, _seconds: commits.append(rows))

    async def live_through_it() -> None:
        await outbox.append([event(1)])
        (first,) = writers(os.getpid())
        os.kill(first, signal.SIGSTOP)
        stuck = asyncio.create_task(outbox.append([event(2)]))
        await asyncio.sleep(0.2)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(EventWriteError, match="writer has ended"):
            await stuck
        assert (outbox.problem, outbox.accepts) == (GONE, False)
        await until_it_accepts(outbox)
        assert first not in writers(os.getpid())
        await outbox.append([event(3)])

    asyncio.run(live_through_it())
    assert commits == [1, 0, 1]  # the one in the middle failed
    assert outbox.pending == 2
    outbox.close()
    assert ids(held(apart).values()) == ["1", "3"]


@pytest.mark.parametrize("heard", [False, True], ids=["from no loop", "from a loop that is closed"])
def test_recounts_that_nobody_hears_of_keep_the_writer_from_nothing(apart: Settings, heard: bool) -> None:
    outbox = open_outbox(apart)
    if heard:
        asyncio.run(outbox.append([event(1)]))
    for _ in range(20_000):
        outbox.recount()
    asyncio.run(outbox.append([event(2)]))
    assert outbox.pending == 1 + heard
    outbox.close()


def test_a_writer_that_hangs_is_ended_and_its_callers_are_told(apart: Settings) -> None:
    outbox = Outbox(open_store(apart), lambda: Apart(apart.model_dump_json()), max_rows=100, hang_seconds=1.0)

    async def live_through_it() -> None:
        await outbox.append([event(1)])
        (first,) = writers(os.getpid())
        os.kill(first, signal.SIGSTOP)
        with pytest.raises(EventWriteError, match="writer has ended"):
            await outbox.append([event(2)])
        await until_it_accepts(outbox)
        await outbox.append([event(3)])

    asyncio.run(live_through_it())
    outbox.close()
    assert ids(held(apart).values()) == ["1", "3"]


HOLDER = """
import asyncio, sys
from mapper_serving.outbox.open import open_outbox
from mapper_serving.outbox.rows import Event
from mapper_serving.settings import Settings

async def main():
    outbox = open_outbox(Settings(artifacts=sys.argv[1]))
    await outbox.append([Event("acme", "2026-11-23", "1", "{}", "{}")])
    print("written", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


def test_it_does_not_outlive_whoever_started_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=REPOSITORY, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "written\n"
    (writer,) = writers(holder.pid)
    holder.kill()
    holder.wait()
    holder.stdout.close()
    wait_until(lambda: not Path(f"/proc/{writer}").exists() or not Path(f"/proc/{writer}/cmdline").read_bytes())
    assert ids(held(Settings(artifacts=tmp_path)).values()) == ["1"]
