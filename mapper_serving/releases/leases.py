"""Who still holds a release: requests and shadows. An engine is closed when nobody does. Used from one thread."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mapper_serving.state import Serving


class Leases:
    """Counts the holders of every release.

    Attributes:
        held: how many leases are out.
    """

    def __init__(self) -> None:
        self.held = 0
        self._holders: Counter[Serving] = Counter()
        self._waiting: dict[Serving, asyncio.Event] = {}

    @contextmanager
    def hold(self, servings: Iterable[Serving]) -> Iterator[None]:
        """Keep their engines open until the block ends."""
        held = tuple(servings)
        self._holders.update(held)
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1
            for serving in held:
                self._let_go(serving)

    async def drained(self, serving: Serving, seconds: float) -> bool:
        """Whether all its holders let go within this time. No new ones may come meanwhile."""
        if not self._holders[serving]:
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

    def _let_go(self, serving: Serving) -> None:
        self._holders[serving] -= 1
        if not self._holders[serving]:
            del self._holders[serving]
            if (left := self._waiting.get(serving)) is not None:
                left.set()
