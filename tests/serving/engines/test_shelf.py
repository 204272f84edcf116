"""An adapter is opened once for all who hold it, and nothing is left of it when nobody does."""

import asyncio
import threading
import weakref
from collections.abc import Callable

import pytest
from engine_hosts import FakeOpener, parts
from serving_app import FakeScorer

from mapper_domain.errors import ReleaseMismatch
from mapper_serving.engines.base import Parts
from mapper_serving.engines.shelf import Shelf


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def test_an_adapter_is_opened_once_and_closed_by_the_last() -> None:
    scorers: list[weakref.ref[FakeScorer]] = []

    def make(wanted: Parts) -> FakeScorer:
        scorer = FakeScorer(wanted.labels)
        scorers.append(weakref.ref(scorer))
        return scorer

    async def use() -> None:
        opener = FakeOpener(make)
        shelf, release = Shelf(opener), parts().manifest.id
        one, other = await asyncio.gather(shelf.take(parts()), shelf.take(parts()))
        assert one is other
        shelf.leave(release)
        await asyncio.sleep(0.05)
        assert (opener.opened, opener.closed) == (1, 0)
        del one, other
        shelf.leave(release)
        await until(lambda: opener.closed == 1 and scorers[0]() is None)
        await shelf.take(parts())
        assert opener.opened == 2

    asyncio.run(use())


def test_releases_have_an_adapter_each_and_are_opened_one_after_the_other() -> None:
    inside, most = 0, 0

    def make(wanted: Parts) -> FakeScorer:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        threading.Event().wait(0.05)
        inside -= 1
        return FakeScorer(wanted.labels)

    async def use() -> None:
        opener = FakeOpener(make)
        shelf = Shelf(opener)
        one, other = await asyncio.gather(shelf.take(parts(1)), shelf.take(parts(2)))
        assert one is not other
        assert (opener.opened, most) == (2, 1)

    asyncio.run(use())


def test_what_cannot_be_opened_is_refused_to_all_who_wait_and_may_be_tried_again() -> None:
    tries = 0

    def make(wanted: Parts) -> FakeScorer:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise ReleaseMismatch("The adapter does not fit.")
        return FakeScorer(wanted.labels)

    async def use() -> None:
        shelf = Shelf(FakeOpener(make))
        found = await asyncio.gather(shelf.take(parts()), shelf.take(parts()), return_exceptions=True)
        assert [str(error) for error in found] == ["The adapter does not fit."] * 2
        await shelf.take(parts())
        assert tries == 2

    asyncio.run(use())


def test_an_adapter_nobody_waits_for_any_more_is_closed_when_it_is_open() -> None:
    gate = threading.Event()

    def make(wanted: Parts) -> FakeScorer:
        assert gate.wait(30)
        return FakeScorer(wanted.labels)

    async def use() -> None:
        opener = FakeOpener(make)
        taking = asyncio.create_task(Shelf(opener).take(parts()))
        await asyncio.sleep(0.05)
        taking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await taking
        gate.set()
        await until(lambda: (opener.opened, opener.closed) == (1, 1))

    asyncio.run(use())
