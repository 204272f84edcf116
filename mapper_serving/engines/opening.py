"""Which engine the settings ask for."""

from mapper_serving.engines.base import Parts
from mapper_serving.engines.duo import Adapter, Opener
from mapper_serving.settings import Settings


class LocalOpener(Opener):
    """Opens engines whose adapter is in this process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def adapter(self, parts: Parts, problem: str = "") -> Adapter:
        """As `Opener.adapter`; `problem` is why another one was wanted."""
        from mapper_serving.engines.local import LocalAdapter

        threads, queue = self._settings.engine_threads, self._settings.engine_queue
        return LocalAdapter.load(parts.base, parts.adapter, parts.labels, threads=threads, queue=queue, problem=problem)

    def close(self) -> None:
        """Nothing is shared."""


def opener(settings: Settings) -> Opener:
    """The opener of the engines that a process which answers asks.

    Raises:
        EngineError: when vLLM is wanted and is not there.
    """
    if settings.engine_socket:
        from mapper_serving.engines.shared import SharedOpener

        return SharedOpener(settings.engine_socket)
    return holder(settings)


def holder(settings: Settings) -> Opener:
    """The opener of the engines whose adapters this process holds, as `settings.engine` says.

    Raises:
        EngineError: when vLLM is wanted and is not there.
    """
    local = LocalOpener(settings)
    if settings.engine == "local":
        return local
    from mapper_serving.engines.vllm import VllmOpener

    return VllmOpener(settings, local.adapter)


def needs_host(settings: Settings) -> bool:
    """Whether workers need an engine host: not where one has been named, nor where a server is what they share."""
    return not settings.engine_socket and not (settings.engine == "vllm" and settings.vllm_url)
