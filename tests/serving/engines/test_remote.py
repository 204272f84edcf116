"""A server's next-token log-probabilities become the labels' own, exactly, in few requests."""

import asyncio
import contextvars
import math
from collections.abc import Iterator, Sequence

import pytest
from fake_vllm import BASE, FakeVllm, served, weight

from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout
from mapper_domain.voices import LogProbs
from mapper_model.trie import build
from mapper_serving.engines.dialects import Vllm
from mapper_serving.engines.remote import MOST_TOKENS, RemoteAdapter, shares
from mapper_serving.engines.server import Server
from mapper_serving.tracing import Tracing

LABELS = ("PII.Email", "PII.Phone", "PII.Phones", "HARM.Hate", "OTHER.Unknown", "OTHER.Safe")
QUESTION = "spear_phishing"


class Letters:
    """Every letter is a token; 0 ends an answer."""

    def question(self, question: str) -> list[int]:
        return [ord(letter) for letter in question]

    def answer(self, labels: Sequence[str]) -> list[int]:
        return [*(ord(letter) for letter in f'"{labels[0]}"'), 0]


@pytest.fixture
def fake() -> FakeVllm:
    return FakeVllm()


@pytest.fixture
def server(fake: FakeVllm) -> Iterator[Server]:
    """A server that is not ours, in service."""
    with served(fake) as url:
        server = Server(None, url=url, start_seconds=10, hang_seconds=5)
        server.wait()
        yield server
        server.close()


@pytest.fixture
def voice(server: Server) -> RemoteAdapter:
    return RemoteAdapter(server, BASE, Letters(), LABELS, Vllm(), most=2)


def ask(voice: RemoteAdapter, *questions: str, seconds: float = 10, among: Sequence[str] | None = None) -> list[object]:
    """What it says to questions asked at once: log-probabilities or an error."""

    async def all_of_them() -> list[LogProbs | BaseException]:
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            return await asyncio.gather(
                *(voice.ask(question, deadline, among) for question in questions), return_exceptions=True
            )
        finally:
            await voice.close()

    return list(asyncio.run(all_of_them()))


def expected(question: str) -> dict[str, float]:
    """The probability of sampling each answer, one token after the other, allowed ones only."""
    answers = {label: Letters().answer([label]) for label in LABELS}
    found = {}
    for label, answer in answers.items():
        found[label] = 0.0
        for at in range(len(answer)):
            allowed = {other[at] for other in answers.values() if other[:at] == answer[:at]}
            prompt = [*Letters().question(question), *answer[:at]]
            total = math.log(sum(math.exp(weight(prompt, token)) for token in allowed))
            found[label] += weight(prompt, answer[at]) - total
    return found


def test_every_label_has_the_probability_of_sampling_it(voice: RemoteAdapter) -> None:
    (said,) = ask(voice, QUESTION)
    assert said == pytest.approx(expected(QUESTION), abs=1e-9)


def test_labels_that_matter_are_exact_and_the_rest_is_shared_out(voice: RemoteAdapter, fake: FakeVllm) -> None:
    (said,) = ask(voice, QUESTION, among=["PII.Email"])
    whole = expected(QUESTION)
    assert said["PII.Email"] == pytest.approx(whole["PII.Email"])
    assert math.fsum(map(math.exp, said.values())) == pytest.approx(1.0)
    assert said["OTHER.Safe"] == pytest.approx(said["OTHER.Unknown"])
    both = math.exp(whole["OTHER.Safe"]) + math.exp(whole["OTHER.Unknown"])
    assert 2 * math.exp(said["OTHER.Safe"]) == pytest.approx(both)
    asked = {"".join(map(chr, prompt[len(QUESTION) :])) for prompt in fake.prompts if prompt != [1]}
    assert asked == {'"', '"PII.'}


def test_more_questions_than_it_takes_at_once_are_refused(voice: RemoteAdapter, fake: FakeVllm) -> None:
    fake.pause = 0.2
    assert [type(said) for said in ask(voice, "a", "b", "c")] == [dict, dict, EngineOverloaded]
    assert [type(said) for said in ask(voice, "a")] == [dict]


def test_it_is_not_waited_for_beyond_the_deadline(voice: RemoteAdapter, fake: FakeVllm) -> None:
    fake.pause = 1.0
    (said,) = ask(voice, "a", seconds=0.1)
    assert isinstance(said, EngineTimeout)


def test_a_server_is_told_the_trace_it_is_asked_for(voice: RemoteAdapter, fake: FakeVllm) -> None:
    sent = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "tracestate": "a=1"}

    def answer() -> None:
        Tracing().begin([(name.encode(), value.encode()) for name, value in sent.items()])
        ask(voice, QUESTION)

    contextvars.copy_context().run(answer)
    assert sent.items() <= fake.headers.items()


def test_a_failing_server_is_an_error(voice: RemoteAdapter, fake: FakeVllm) -> None:
    fake.status = 500
    (said,) = ask(voice, "a")
    assert isinstance(said, EngineError)
    assert "500" in str(said)


def test_a_server_that_is_away_is_not_asked(voice: RemoteAdapter, server: Server, fake: FakeVllm) -> None:
    server.problem = "vLLM ended with signal 9. It is started again."
    before = len(fake.prompts)
    (said,) = ask(voice, "a")
    assert (str(said), len(fake.prompts)) == (server.problem, before)


def test_decisions_are_divided_so_that_a_request_asks_for_as_many_tokens_as_a_server_tells() -> None:
    trie = build([(first, second, 0) for first in range(1, 11) for second in range(100 * first, 100 * first + 60)])
    divided = shares(trie, range(len(trie.decisions)))
    assert sorted(decision for share in divided for decision in share.decisions) == list(range(11))
    assert all(len(share.tokens) <= MOST_TOKENS for share in divided)
    assert len(divided) == 6
    for share in divided:
        assert set(share.tokens) == {
            child for decision in share.decisions for child in trie.decisions[decision].children
        }


def test_a_decision_with_too_many_children_is_refused() -> None:
    with pytest.raises(ValueError, match="a server tells 128"):
        shares(build([(token,) for token in range(129)]), [0])
