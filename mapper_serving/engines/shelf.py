"""The adapters of the engine host: each release's is opened once, however many hold it, and closed when nobody does."""

import asyncio
import gc
from collections import Counter

import structlog

from mapper_serving.engines.base import Parts
from mapper_serving.engines.duo import Adapter, Opener

log = structlog.get_logger(__name__)


class Shelf:
    """Adapters by release. Used from one loop."""

    def __init__(self, opener: Opener) -> None:
        """An empty shelf, whose adapters this opens."""
        self._opener = opener
        self._adapters: dict[str, asyncio.Task[Adapter]] = {}
        self._holders: Counter[str] = Counter()
        self._closing: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    async def take(self, parts: Parts) -> Adapter:
        """The adapter of a release, warm; whoever takes it leaves it again.

        Raises:
            ReleaseMismatch: when it cannot be used.
        """
        release = parts.manifest.id
        self._holders[release] += 1
        if release not in self._adapters:
            self._adapters[release] = asyncio.create_task(self._open(parts))
        try:
            return await asyncio.shield(self._adapters[release])
        except BaseException:
            self.leave(release)
            raise

    def leave(self, release: str) -> None:
        """Give an adapter back; the last one to do so has it closed."""
        self._holders[release] -= 1
        if self._holders[release] <= 0:
            del self._holders[release]
            closing = asyncio.create_task(self._close(release, self._adapters.pop(release)))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def _open(self, parts: Parts) -> Adapter:
        async with self._one_at_a_time:  # libraries patch themselves while they load a model
            adapter = await asyncio.to_thread(self._opener.adapter, parts)
        log.info("adapter.opened", release=parts.manifest.id)
        return adapter

    async def _close(self, release: str, opening: "asyncio.Task[Adapter]") -> None:
        """Close an adapter, which may still have to be opened, and see that its memory goes."""
        await asyncio.wait((opening,))
        if opening.cancelled() or opening.exception() is not None:
            return
        try:
            await opening.result().close()
        except Exception as error:  # whatever an adapter does on its way out
            log.error("adapter.not_closed", release=release, exc_info=error)
        del opening
        gc.collect()
        log.info("adapter.closed", release=release)
