"""The real vLLM says what the local engine says, serves adapters that come and go, and merged ones."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from vllm_world import UNSEEN, VllmWorld, vllm_world

from mapper_domain.catalog import Catalog
from mapper_domain.errors import ReleaseMismatch
from mapper_domain.question import Question
from mapper_domain.voices import Weights, fuse
from mapper_model.scorer import LabelScorer
from mapper_serving.engines.base import Engine, Heard, Parts
from mapper_serving.engines.dialects import Vllm
from mapper_serving.engines.opening import LocalOpener
from mapper_serving.engines.remote import RemoteAdapter
from mapper_serving.engines.vllm import VllmOpener, content_name
from mapper_serving.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.vllm, pytest.mark.timeout(900)]

QUESTIONS = [
    *(Question(detector="presidio", kind="pii", label=label) for label in UNSEEN),
    Question(detector="our-own-scanner", label="T-17", description="somebody else's medical record"),
    Question(detector="llama-guard-3", kind="moderation", field="category", label="clean"),
]
WEIGHTS = [
    Weights(),
    Weights(adapter=1.0, retriever=1.0, together={"adapter": 1.0, "retriever": 0.2}),
    Weights(together={"adapter": 0.05, "retriever": 0.9}),
]
"""How much a voice counts decides how much an error of it counts."""


def heard(engine: Engine) -> list[Heard]:
    """What an engine says to all questions; it is closed."""

    async def ask() -> list[Heard]:
        try:
            deadline = asyncio.get_running_loop().time() + 300
            return [await engine.score(question, deadline) for question in QUESTIONS]
        finally:
            await engine.close()

    return asyncio.run(ask())


def local(parts: Parts) -> Engine:
    """The local engine for the same release."""
    return LocalOpener(Settings())(parts)


def assert_same_answers(ours: list[Heard], theirs: list[Heard]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert (one.silence, other.silence) == (None, None)
        for weights in WEIGHTS:
            first, second = fuse(one.opinion, weights), fuse(other.opinion, weights)
            assert first == pytest.approx(second, abs=1e-3)
            assert max(first, key=first.__getitem__) == max(second, key=second.__getitem__)


@pytest.fixture(scope="module")
def first(vllm: VllmWorld) -> Parts:
    """The release of the first adapter."""
    return vllm.parts(vllm.release(0))


@pytest.fixture
def merged(
    tmp_path: Path, base_model: Path, tiny_adapter: Path, tiny_retriever: Path, catalog: Catalog
) -> Iterator[VllmWorld]:
    """A world in which adapters are merged into the base model."""
    with vllm_world(tmp_path, base_model, tiny_adapter, tiny_retriever, catalog, vllm_merged=True) as world:
        yield world


def test_confidence_and_first_choice_are_the_local_engines(vllm: VllmWorld, first: Parts) -> None:
    assert_same_answers(heard(vllm.opener(first)), heard(local(first)))


def test_every_label_has_the_log_probability_of_the_local_scorer(vllm: VllmWorld, first: Parts) -> None:
    from mapper_model.tokens import Tokens

    engine, scorer = vllm.opener(first), LabelScorer.load(first.base, first.adapter, first.labels)
    server, name = vllm.opener.fleet.servers[0], content_name(first)
    voice = RemoteAdapter(server, name, Tokens(first.base), first.labels, Vllm(), most=1)

    async def ask() -> None:
        deadline = asyncio.get_running_loop().time() + 300
        for question in QUESTIONS[:2]:
            said = await voice.ask(question.instruction, deadline)
            assert said == pytest.approx(scorer.score([question.instruction])[0], abs=2e-3)
        await voice.close()
        await engine.close()

    asyncio.run(ask())


def test_adapters_come_and_go_under_the_hash_of_their_content(vllm: VllmWorld, first: Parts) -> None:
    second = vllm.parts(vllm.release(1))
    names = [content_name(parts) for parts in (first, second)]
    before = vllm.opener(first)
    after = vllm.opener(second)
    server = vllm.opener.fleet.servers[0]
    with server.api() as api:
        assert set(api.models(timeout=30)) == {"base", *names}
        asyncio.run(before.close())
        assert set(api.models(timeout=30)) == {"base", names[1]}
    assert_same_answers(heard(after), heard(local(second)))


def test_a_merged_adapter_says_the_same_without_lora(merged: VllmWorld) -> None:
    parts = merged.parts(merged.release(0))
    engine = merged.opener(parts)
    with merged.opener.fleet.servers[0].api() as api:
        assert api.models(timeout=30) == (content_name(parts),)
    assert_same_answers(heard(engine), heard(local(parts)))
    assert merged.opener.fleet.servers == ()
    assert list((merged.layout.vllm / "merged").iterdir()) == []


def test_an_adapter_that_does_not_fit_is_refused_and_the_server_stays(vllm: VllmWorld, first: Parts) -> None:
    good = vllm.opener(first)
    broken = replace(first, manifest=first.manifest.model_copy(update={"adapter_sha256": "0" * 64}))
    broken = replace(broken, adapter=first.retriever)
    with pytest.raises(ReleaseMismatch, match="vLLM does not serve the adapter"):
        vllm.opener(broken)
    assert good.problem == ""
    asyncio.run(good.close())


def test_with_little_memory_the_local_engine_answers_and_says_so(vllm: VllmWorld, first: Parts) -> None:
    settings = Settings(engine="vllm", vllm_python="python3", vllm_memory_bytes=1 << 60, artifacts=vllm.layout.root)
    opener = VllmOpener(settings, LocalOpener(settings).adapter)
    engine = opener(first)
    assert engine.problem.startswith("Memory is short: vLLM takes 1073741824.0 GiB")
    assert engine.problem.endswith("the local engine answers.")
    assert_same_answers(heard(engine), heard(local(first)))
    assert opener.fleet.servers == ()
