"""An adapter in the engine host, which all workers of a machine ask; the retriever stays in each of them."""

from collections.abc import Collection

from mapper_domain.voices import LogProbs
from mapper_serving.engines.base import Parts
from mapper_serving.engines.duo import Adapter, Opener
from mapper_serving.engines.link import Link


class SharedAdapter:
    """An adapter the host holds; the `Adapter` of a `Duo`."""

    def __init__(self, link: Link, parts: Parts) -> None:
        """Have it opened, or find it open. Blocks.

        Raises:
            ReleaseMismatch: when the host refuses it, or is away for too long.
        """
        self._link = link
        self._labels = tuple(parts.labels)
        self._held = link.open(parts)

    @property
    def problem(self) -> str:
        """As `Engine.problem`."""
        return self._link.problem(self._held)

    async def ask(self, question: str, deadline: float, among: Collection[str] | None = None) -> LogProbs:
        """As `Adapter.ask`."""
        values = await self._link.ask(self._held, question, deadline, among)
        return dict(zip(self._labels, values, strict=True))

    async def close(self) -> None:
        """Give it back; the host closes it when no worker holds it any more."""
        self._link.close(self._held)


class SharedOpener(Opener):
    """Opens engines whose adapter is in the engine host."""

    def __init__(self, path: str) -> None:
        """An opener that asks the host at a socket."""
        self._link = Link(path)

    def adapter(self, parts: Parts) -> Adapter:
        """As `Opener.adapter`."""
        return SharedAdapter(self._link, parts)

    def close(self) -> None:
        """As `Opener.close`."""
        self._link.shut()
