"""One vLLM server process: its command line, its environment, its beginning and its end."""

import os
import shlex
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mapper_domain.errors import EngineError
from mapper_serving.engines.leash import SIGNALLED

HOST: Final = "127.0.0.1"
RANKS: Final = (8, 16, 32, 64, 128, 256, 320, 512)
"""LoRA ranks vLLM makes room for."""

CONTEXT: Final = 2048
"""Most tokens of a question with its answer; names and labels are bounded far below."""

STEP: Final = 256
"""Most tokens of one step of the model, so that a step on a CPU stays short and nobody waits long for the next."""

ADAPTERS: Final = 4
"""Adapters held at once: the serving release, one to come, one as canary or shadow, one being drained."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a server is started for. Two releases with equal specs share one.

    Attributes:
        model: folder of the model it serves.
        name: what it calls that model.
        rank: highest LoRA rank it has room for, 0 when it takes no adapters.
    """

    model: Path
    name: str
    rank: int


@dataclass(frozen=True, slots=True)
class Launch:
    """How servers are started, from the settings.

    Attributes:
        python: interpreter of the environment vLLM is installed in.
        arguments: further arguments, as a shell would read them; they come last and so win.
        kv_gib: GiB for keys and values; CPU only.
        logs: the folder their output goes to.
    """

    python: str
    arguments: str
    kv_gib: int
    logs: Path


def room_for(rank: int) -> int:
    """The least rank vLLM knows that an adapter of this rank fits in."""
    return next((known for known in RANKS if known >= rank), rank)


class Child:
    """A running vLLM process. Where this process dies, however, it dies too (`leash`)."""

    def __init__(self, spec: Spec, launch: Launch) -> None:
        """Start it; it takes half a minute to answer.

        Raises:
            EngineError: when the interpreter cannot be started.
        """
        port = _free_port()
        self.url = f"http://{HOST}:{port}"
        launch.logs.mkdir(parents=True, exist_ok=True)
        try:
            with (launch.logs / f"{spec.name}.log").open("wb") as log:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", f"{__package__}.leash", *command(spec, launch, port)],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=environment(spec, launch),
                    start_new_session=True,  # a signal to this service's group must not end the leash
                )
        except OSError as error:
            raise EngineError(f"vLLM cannot be started ({type(error).__name__}).") from error

    @property
    def pid(self) -> int:
        """Of the leash; the server is its only child."""
        return self._process.pid

    @property
    def ended(self) -> str:
        """How it ended; empty while it runs."""
        status = self._process.poll()
        if status is None:
            return ""
        number = -status if status < 0 else status - SIGNALLED
        return f"signal {number}" if number > 0 else f"status {status}"

    def kill(self) -> None:
        """End it and everything it started, at once."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


def command(spec: Spec, launch: Launch, port: int) -> list[str]:
    """The command line of a server.

    Everything is computed in fp32, as in the local engine. Blocks are short, because questions are, and only whole ones
    are shared. Nothing is compiled: a question is one step of the model, and what compiling saves is in long answers.
    """
    lora = ["--enable-lora", "--max-lora-rank", str(spec.rank), "--max-loras", "2", "--max-cpu-loras", str(ADAPTERS)]
    return [
        *(launch.python, "-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(spec.model.resolve()), "--served-model-name", spec.name),
        *("--host", HOST, "--port", str(port)),
        *("--dtype", "float32", "--max-model-len", str(CONTEXT), "--block-size", "32", "--enable-prefix-caching"),
        *("--scheduling-policy", "priority", "--max-num-seqs", "64", "--max-num-batched-tokens", str(STEP)),
        *("--structured-outputs-config", '{"backend":"guidance","disable_any_whitespace":true}'),
        *("--enforce-eager", "--disable-uvicorn-access-log"),
        *(lora if spec.rank else []),
        *shlex.split(launch.arguments),
    ]


def environment(spec: Spec, launch: Launch) -> dict[str, str]:
    """The environment of a server: none of this service's settings or secrets, nothing from the network.

    Nothing is compiled behind the back of `--enforce-eager` either: the first log-probability took half a minute.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAPPER_", "OMP_"))}
    return {
        **inherited,
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "TORCHDYNAMO_DISABLE": "1",
        "VLLM_CPU_KVCACHE_SPACE": str(launch.kv_gib),
        "VLLM_CPU_OMP_THREADS_BIND": "auto",
        **({"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"} if spec.rank else {}),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
