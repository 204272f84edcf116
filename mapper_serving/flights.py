"""Identical questions at one time are asked once (single flight). What is asked of whom is the caller's business."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

Said = TypeVar("Said")


class _Flight(Generic[Said]):
    """One question on its way, and how many wait for its answer."""

    def __init__(self, task: "asyncio.Task[Said]", deadline: float) -> None:
        self.task = task
        self.deadline = deadline
        self.waiting = 0


class Flights(Generic[Said]):
    """Questions on their way. Used from one event loop."""

    def __init__(self) -> None:
        self._flying: dict[Hashable, _Flight[Said]] = {}

    async def ask(
        self, key: Hashable, deadline: float, ask: Callable[[], Coroutine[Any, Any, Said]]
    ) -> tuple[Said, bool]:
        """The answer, and whether somebody else had asked already.

        A question that may take longer than this caller can wait is not joined. A caller that is cancelled leaves the
        others alone; the question is given up when nobody waits for it any more.

        Args:
            key: equal for questions with the same answer.
            deadline: time of the running loop until which this caller can wait; `ask` must keep it by itself.
            ask: asks.

        Raises:
            Exception: what `ask` raises, to everybody who waits.
        """
        flight = self._flying.get(key)
        joined = flight is not None and flight.deadline <= deadline and not flight.task.done()
        if flight is None or not joined:
            flight = _Flight(asyncio.ensure_future(ask()), deadline)
            self._flying[key] = flight
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task), joined
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()
                if self._flying.get(key) is flight:
                    del self._flying[key]
