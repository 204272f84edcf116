"""Identical questions at one time are asked once; nobody waits longer, or is cut off, because of another."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from mapper_serving.flights import Flights

LATE, LATER = 10.0, 20.0


class Oracle:
    """Answers when told to, and counts how often it was asked and given up."""

    def __init__(self) -> None:
        self.asked = self.given_up = 0
        self.open = asyncio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        return number


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


async def begun(*tasks: "asyncio.Task[Any]") -> None:
    """Let tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)


def test_all_who_ask_the_same_at_one_time_get_one_answer() -> None:
    async def test() -> None:
        flights, oracle = Flights[int](), Oracle()
        tasks = [asyncio.create_task(flights.ask("a", LATE, oracle)) for _ in range(5)]
        await begun(*tasks)
        oracle.open.set()
        assert await asyncio.gather(*tasks) == [(1, False), *[(1, True)] * 4]
        assert await flights.ask("a", LATE, oracle) == (2, False)

    run(test())


def test_other_questions_are_asked_apart() -> None:
    async def test() -> None:
        flights, oracle = Flights[int](), Oracle()
        oracle.open.set()
        assert await asyncio.gather(flights.ask("a", LATE, oracle), flights.ask("b", LATE, oracle)) == [
            (1, False),
            (2, False),
        ]

    run(test())


def test_a_caller_that_is_cancelled_leaves_the_others_their_answer() -> None:
    async def test() -> None:
        flights, oracle = Flights[int](), Oracle()
        first, second = (asyncio.create_task(flights.ask("a", LATE, oracle)) for _ in range(2))
        await begun(first, second)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        oracle.open.set()
        assert await second == (1, True)

    run(test())


def test_a_question_nobody_waits_for_any_more_is_given_up() -> None:
    async def test() -> None:
        flights, oracle = Flights[int](), Oracle()
        tasks = [asyncio.create_task(flights.ask("a", LATE, oracle)) for _ in range(2)]
        await begun(*tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await begun()
        assert oracle.given_up == 1
        oracle.open.set()
        assert await flights.ask("a", LATE, oracle) == (2, False)

    run(test())


def test_a_question_that_may_take_longer_than_the_caller_has_is_not_joined() -> None:
    async def test() -> None:
        flights, oracle = Flights[int](), Oracle()
        patient = asyncio.create_task(flights.ask("a", LATER, oracle))
        await begun(patient)
        hurried = asyncio.create_task(flights.ask("a", LATE, oracle))
        await begun(patient, hurried)
        oracle.open.set()
        assert [await patient, await hurried] == [(1, False), (2, False)]

    run(test())


def test_what_goes_wrong_is_told_to_everybody_who_waits() -> None:
    async def fail() -> int:
        await asyncio.sleep(0)
        raise ValueError

    async def test() -> None:
        flights = Flights[int]()
        found = await asyncio.gather(*(flights.ask("a", LATE, fail) for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in found] == [ValueError] * 3

    run(test())
