"""Who still holds a release: requests and shadows. An engine is closed when nobody does. Used from one thread."""

import asyncio
from collections.abc import Collection
from types import TracebackType

from mapper_serving.releases.routing import Routing
from mapper_serving.state import Serving


class Leases:
    """Counts the holders of every release.

    Attributes:
        held: how many leases are out.
    """

    def __init__(self) -> None:
        self.held = 0
        self._holders: dict[Serving, int] = {}
        self._waiting: dict[Serving, asyncio.Event] = {}

    def take(self, servings: Collection[Serving]) -> None:
        """Keep their engines open until they are given back."""
        self.held += 1
        for serving in servings:
            self._holders[serving] = self._holders.get(serving, 0) + 1

    def give_back(self, servings: Collection[Serving]) -> None:
        """End what `take` began."""
        self.held -= 1
        for serving in servings:
            left = self._holders[serving] - 1
            if left:
                self._holders[serving] = left
                continue
            del self._holders[serving]
            if (waiting := self._waiting.get(serving)) is not None:
                waiting.set()

    async def drained(self, serving: Serving, seconds: float) -> bool:
        """Whether all its holders let go within this time. No new ones may come meanwhile."""
        if serving not in self._holders:
            return True
        left = self._waiting.setdefault(serving, asyncio.Event())
        try:
            async with asyncio.timeout(seconds):
                await left.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting.pop(serving, None)
        return True


class Lease:
    """A routing, with every engine in it kept open within `with`. A class, because each request pays for one."""

    __slots__ = ("_leases", "_routing")

    def __init__(self, leases: Leases, routing: Routing) -> None:
        self._leases = leases
        self._routing = routing

    def __enter__(self) -> Routing:
        """Take it."""
        self._leases.take(self._routing.servings)
        return self._routing

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        self._leases.give_back(self._routing.servings)
