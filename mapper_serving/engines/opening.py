"""Which engine the settings ask for."""

from typing import Protocol

from mapper_serving.engines.base import Engine, OpenEngine, Parts
from mapper_serving.settings import Settings


class Opener(OpenEngine, Protocol):
    """Opens engines, and holds what several of them share."""

    def close(self) -> None:
        """Give back what is shared; whoever waits for an engine to be opened is told."""
        ...


class LocalOpener:
    """Opens the engine that runs in this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, parts: Parts, problem: str = "") -> Engine:
        """As `OpenEngine`; `problem` is why another engine was wanted."""
        from mapper_serving.engines.local import LocalEngine

        threads, queue = self._settings.engine_threads, self._settings.engine_queue
        engine = LocalEngine.load(
            parts.base, parts.adapter, parts.retriever, parts.labels, threads=threads, queue=queue
        )
        engine.problem = problem
        return engine

    def close(self) -> None:
        """Nothing is shared."""


def opener(settings: Settings) -> Opener:
    """The opener of the engine that `settings.engine` names.

    Raises:
        EngineError: when vLLM is wanted and is not there.
    """
    local = LocalOpener(settings)
    if settings.engine == "local":
        return local
    from mapper_serving.engines.vllm import VllmOpener

    return VllmOpener(settings, local)
