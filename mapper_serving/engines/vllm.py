"""vLLM as the engine: the adapter on a server of its own.

A server of ours is started when a release needs one and ended when none does. Adapters come and go while it runs, under
names that are hashes of their content: for a name it knew vLLM may answer from what it computed before. Merged into its
base model, an adapter has a server to itself. Where memory is short the local engine answers instead, and says so.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import structlog

from mapper_domain.errors import EngineError, ReleaseMismatch
from mapper_domain.release import sha256_text
from mapper_domain.voices import LogProbs
from mapper_serving.engines import memory
from mapper_serving.engines.base import Parts
from mapper_serving.engines.child import Launch, Spec, room_for
from mapper_serving.engines.duo import PROBE, Adapter, Opener, check
from mapper_serving.engines.fleet import Fleet
from mapper_serving.engines.remote import RemoteAdapter
from mapper_serving.engines.server import Server
from mapper_serving.settings import Settings

BASE_NAME: Final = "base"
"""What a server of ours calls the model whose adapters it serves."""

OVERHEAD: Final = 2 * memory.GIB
"""What a server takes beside weights and keys and values; measured with vLLM 0.32 on a CPU, rounded up."""

log = structlog.get_logger(__name__)


class VllmAdapter:
    """An adapter on a vLLM server; the `Adapter` of a `Duo`."""

    def __init__(self, remote: RemoteAdapter, give_back: Callable[[], None]) -> None:
        """An adapter.

        Args:
            remote: asks it.
            give_back: called once, in a thread, when nobody asks any more.
        """
        self._remote = remote
        self._give_back = give_back

    @property
    def problem(self) -> str:
        """As `Engine.problem`."""
        return self._remote.problem

    async def ask(self, question: str, deadline: float, among: Collection[str] | None = None) -> LogProbs:
        """As `Adapter.ask`."""
        return await self._remote.ask(question, deadline, among)

    async def close(self) -> None:
        """Let the server forget the adapter; the last one of a server of ours ends it."""
        await self._remote.close()
        await asyncio.to_thread(self._give_back)


class VllmOpener(Opener):
    """Opens engines whose adapter is on a vLLM server.

    Attributes:
        fleet: the servers they share.
    """

    def __init__(self, settings: Settings, smaller: Callable[[Parts, str], Adapter]) -> None:
        """An opener.

        Args:
            settings: `vllm_*`.
            smaller: opens the adapter that answers where memory is short, and is told why.

        Raises:
            EngineError: when there is neither a server nor a vLLM to start.
        """
        if not settings.vllm_url and shutil.which(settings.vllm_python) is None:
            raise EngineError(
                f"There is no vLLM at {settings.vllm_python}: run `make setup-vllm`, or set MAPPER_VLLM_PYTHON to the "
                "interpreter of an environment that has it, or MAPPER_VLLM_URL to a server."
            )
        self._settings = settings
        self._smaller = smaller
        folder = settings.layout.vllm
        self.fleet = Fleet(
            Launch(settings.vllm_python, settings.vllm_arguments, settings.vllm_kv_gib, folder),
            url=settings.vllm_url,
            start_seconds=settings.vllm_start_seconds,
            hang_seconds=settings.vllm_hang_seconds,
        )
        self._merged = folder / "merged"

    def adapter(self, parts: Parts) -> Adapter:
        """As `Opener.adapter`."""
        if short := self._shortage(parts):
            log.warning("engine.smaller", reason=short)
            return self._smaller(parts, short)
        try:
            server, give_back = self._merge(parts) if self._settings.vllm_merged else self._load(parts)
            try:
                return VllmAdapter(self._voice(server, parts), give_back)
            except BaseException:
                give_back()
                raise
        except EngineError as error:
            raise ReleaseMismatch(f"vLLM does not serve the adapter. {error}") from error

    def spec(self, parts: Parts) -> Spec:
        """The server a release's adapter is loaded into."""
        return Spec(parts.base, BASE_NAME, room_for(parts.manifest.adapter_rank))

    def close(self) -> None:
        """End every server of ours; whoever waits for one is told."""
        self.fleet.close()

    def _load(self, parts: Parts) -> tuple[Server, Callable[[], None]]:
        """A server with the adapter loaded, and how to give both back."""
        spec, name = self.spec(parts), content_name(parts)
        server = self.fleet.take(spec)
        try:
            server.load(name, parts.adapter)
        except BaseException:
            self.fleet.leave(spec)
            raise

        def give_back() -> None:
            server.unload(name)
            self.fleet.leave(spec)

        return server, give_back

    def _merge(self, parts: Parts) -> tuple[Server, Callable[[], None]]:
        """A server of the base model with the adapter merged into it, and how to give it back."""
        self._merged.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self._merged))
        spec = Spec(folder, content_name(parts), 0)

        def give_back() -> None:
            self.fleet.leave(spec)
            shutil.rmtree(folder, ignore_errors=True)

        if not self._settings.vllm_url:
            merging = [sys.executable, "-m", "mapper_model.merging", *map(str, (parts.base, parts.adapter, folder))]
            if subprocess.run(merging, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode:
                shutil.rmtree(folder, ignore_errors=True)
                raise EngineError("The adapter cannot be merged into its base model; promote another release.")
        server = self.fleet.take(spec)
        try:
            server.wait()
        except BaseException:
            give_back()
            raise
        return server, give_back

    def _voice(self, server: Server, parts: Parts) -> RemoteAdapter:
        """The adapter, warm: held to the schema it has answered, and with a distribution over the labels."""
        from mapper_model.tokens import Tokens

        tokens, name, seconds = Tokens(parts.base), content_name(parts), self._settings.vllm_start_seconds
        with server.api() as api:
            api.answer(name, PROBE.instruction, parts.labels, timeout=seconds)
            dialect = api.dialect(timeout=seconds)
        adapter = RemoteAdapter(server, name, tokens, parts.labels, dialect, most=self._settings.engine_queue)

        async def ask() -> None:
            try:
                deadline = asyncio.get_running_loop().time() + seconds
                said = await adapter.ask(PROBE.instruction, deadline)
            finally:
                await adapter.close()
            check({"adapter": said}, parts.labels)

        asyncio.run(ask())
        return adapter

    def _shortage(self, parts: Parts) -> str:
        """Why there is not memory enough for the server this release needs, or empty."""
        if self._settings.vllm_url or (not self._settings.vllm_merged and self.fleet.has(self.spec(parts))):
            return ""
        need = self._settings.vllm_memory_bytes or needed(parts.base, self._settings.vllm_kv_gib)
        left = memory.available()
        if left is None or left >= need:
            return ""
        return (
            f"Memory is short: vLLM takes {need / memory.GIB:.1f} GiB and {left / memory.GIB:.1f} are left; "
            "the local engine answers."
        )


def content_name(parts: Parts) -> str:
    """What a server calls an adapter: SHA-256 (hex) over the hashes of its files, weights and configuration alike."""
    files = {name: sha for name, sha in parts.manifest.files.items() if name.startswith("adapter/")}
    return sha256_text(json.dumps({**files, "weights": parts.manifest.adapter_sha256}, sort_keys=True))


def needed(model: Path, kv_gib: int) -> int:
    """Bytes a server of ours takes for a model folder: weights in fp32, keys and values, and the rest."""
    weights = sum(path.stat().st_size for path in model.glob("*.safetensors"))
    config = json.loads((model / "config.json").read_bytes()) if (model / "config.json").is_file() else {}
    widened = 2 if str(config.get("dtype") or config.get("torch_dtype")).endswith("float16") else 1
    return weights * widened + kv_gib * memory.GIB + OVERHEAD
