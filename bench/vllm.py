"""`python -m bench.vllm`: what a question costs on a vLLM server, beside the raw call with the same prompt and schema.

Both go to the same server, interleaved, each with prompts nobody sent before. Ours is the adapter's question about
eight labels that lie far apart in the taxonomy, so that most branches have to be asked about. The raw call lets the
model write its answer under the JSON schema of answers. With an adapter folder both use it, through LoRA.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path

from mapper_domain import prompt
from mapper_domain.catalog import load as load_catalog
from mapper_domain.layout import Layout
from mapper_model.tokens import Tokens
from mapper_serving.engines.child import Child, Launch, Spec, room_for
from mapper_serving.engines.dialects import Vllm
from mapper_serving.engines.remote import RemoteAdapter
from mapper_serving.engines.server import Server

CONTENDERS = 8
SECONDS = 600.0


def measure(root: Path, base: Path, adapter: Path | None, *, python: str, runs: int, kv_gib: int = 1) -> list[str]:
    """Rows of the table: medians and 95th percentiles of interleaved calls.

    Args:
        root: catalogue root.
        base: folder of the base model.
        adapter: folder of an adapter over it, or None.
        python: interpreter of the environment vLLM is in.
        runs: calls of each kind.
        kv_gib: memory for keys and values.
    """
    catalog = load_catalog(root)
    labels = [label.name for label in catalog.taxonomy.labels]
    rank = json.loads((adapter / "adapter_config.json").read_bytes())["r"] if adapter else 0
    questions = [
        prompt.instruction(detector.name, f"unseen label {number}", kind=detector.kind)
        for number, detector in enumerate(islice(cycle(catalog.detectors), 2 * runs))
    ]
    with tempfile.TemporaryDirectory() as logs:
        spec, launch = Spec(base, "base", room_for(rank) if rank else 0), Launch(python, "", kv_gib, Path(logs))
        server = Server(lambda: Child(spec, launch), start_seconds=SECONDS, hang_seconds=SECONDS)
        try:
            if adapter is None:
                server.wait()
            else:
                server.load("adapter", adapter)
            model = "base" if adapter is None else "adapter"
            voice = RemoteAdapter(server, model, Tokens(base), labels, Vllm(), most=1)
            ours, raw = asyncio.run(_times(server, voice, model, labels, questions))
        finally:
            server.close()
    how = "merged or without adapter" if adapter is None else "with LoRA"
    return [
        f"| unseen label on vLLM, {how}: {title} | {1000 * pick(ours):,.0f} ms | {1000 * pick(raw):,.0f} ms "
        f"| {pick(ours) / pick(raw):.2f} |"
        for title, pick in (("median", statistics.median), ("p95", lambda times: statistics.quantiles(times, n=20)[18]))
    ]


async def _times(
    server: Server, voice: RemoteAdapter, model: str, labels: Sequence[str], questions: Sequence[str]
) -> tuple[list[float], list[float]]:
    """Seconds of our questions, and of raw calls, after one of each that is not counted."""
    ours, raw = list[float](), list[float]()
    among = labels[:: len(labels) // CONTENDERS][:CONTENDERS]
    with server.api() as api:
        for own, other in zip(questions[::2], questions[1::2], strict=True):
            began = time.perf_counter()
            await voice.ask(own, asyncio.get_running_loop().time() + SECONDS, among)
            ours.append(time.perf_counter() - began)
            began = time.perf_counter()
            api.answer(model, other, labels, timeout=SECONDS)
            raw.append(time.perf_counter() - began)
    await voice.close()
    return ours[1:], raw[1:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.vllm", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(), help="catalogue root")
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), help="where the base model is")
    parser.add_argument("--base", default="smollm2-135m-instruct", help="base model profile")
    parser.add_argument("--adapter", type=Path, help="adapter folder; without one the base model alone is asked")
    parser.add_argument("--python", default=".venv-vllm/bin/python", help="interpreter of the environment vLLM is in")
    parser.add_argument("--questions", type=int, default=31, help="calls of each kind; the first is not counted")
    options = parser.parse_args()
    base = Layout(options.artifacts).base_model(options.base)
    print("| measured | ours | raw call | ratio |", "|---|---:|---:|---:|", sep="\n", flush=True)
    for row in measure(options.root, base, options.adapter, python=options.python, runs=options.questions):
        print(row, flush=True)


if __name__ == "__main__":
    main()
