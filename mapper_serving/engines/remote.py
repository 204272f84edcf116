"""An adapter's voice on a vLLM server: the log-probability of every label from one batch of one-token requests.

The local scorer feeds the trie of all answers behind the prompt in one pass (`mapper_model.scorer`). A server takes no
trie, but it takes many prompts at once: one for each place where answers part (`Trie.decisions`), which is the prompt
and the tokens that lead there. It is asked for the log-probabilities of the allowed next tokens, and for nothing else.
Renormalised over the children of each decision and added up along each path they are the numbers of the local scorer.
Only decisions on the way to a label that matters are asked about: its probability is exact, and what is left is shared
out evenly below the others. All requests run in one or two steps of the model, and what they share is computed once
(prefix cache); a constrained answer takes a step for each of its tokens.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import httpx
import orjson

from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout
from mapper_domain.voices import LogProbs
from mapper_model.trie import Trie, build
from mapper_serving import tracing
from mapper_serving.engines.dialects import Dialect
from mapper_serving.engines.server import Server

JSON: Final = {"Content-Type": "application/json"}
LONGEST_SECONDS: Final = 600.0
"""Longest wait for a server, whatever the deadline."""

MOST_TOKENS: Final = 128
"""Most token ids vLLM gives log-probabilities of in one request."""


class TokenIds(Protocol):
    """Token ids of questions and answers, as `mapper_model.tokens.Tokens` has them."""

    def question(self, question: str) -> list[int]:
        """Ids of a rendered question."""
        ...

    def answer(self, labels: Sequence[str]) -> list[int]:
        """Ids of the answer that names these labels."""
        ...


@dataclass(frozen=True, slots=True)
class _Share:
    """Decisions asked about in one HTTP request.

    Attributes:
        decisions: their indices in the trie.
        tokens: every child of any of them.
    """

    decisions: tuple[int, ...]
    tokens: tuple[int, ...]


class RemoteAdapter:
    """Asks one model of a server about questions."""

    def __init__(
        self, server: Server, model: str, tokens: TokenIds, labels: Sequence[str], dialect: Dialect, *, most: int
    ) -> None:
        """A voice.

        Args:
            server: that serves it.
            model: name of the model or adapter there.
            tokens: of the base model.
            labels: canonical labels.
            dialect: of the server.
            most: questions that may be under way at once.
        """
        self._server = server
        self._model = model
        self._tokens = tokens
        self._dialect = dialect
        self._labels = tuple(labels)
        self._trie = trie = build([tokens.answer([label]) for label in self._labels])
        self._most = most
        self._waiting = 0
        self._leads = [trie.leading_to(decision) for decision in trie.decisions]
        self._children = [decision.children for decision in trie.decisions]
        self._ways = {
            label: {decision for decision, _ in path} for label, path in zip(self._labels, trie.paths, strict=True)
        }
        self._http: httpx.AsyncClient | None = None

    @property
    def problem(self) -> str:
        """Why it cannot be asked at present, or empty."""
        return self._server.problem

    async def ask(self, question: str, deadline: float, among: Collection[str] | None = None) -> LogProbs:
        """Natural-log probability of every label; exact for those `among` names, or all.

        Raises:
            EngineOverloaded: when too many questions are under way.
            EngineTimeout: when the deadline (time of the running loop) passes first.
            EngineError: when the server is away or fails.
        """
        if self._server.problem:
            raise EngineError(self._server.problem)
        if self._waiting >= self._most:
            raise EngineOverloaded(f"{self._waiting} questions wait for the adapter already.")
        self._waiting += 1
        try:
            async with asyncio.timeout_at(deadline):
                return await self._ask(question, self._labels if among is None else among)
        except TimeoutError:
            raise EngineTimeout("The adapter did not answer in time.") from None
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Close its connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def _ask(self, question: str, among: Iterable[str]) -> LogProbs:
        ids = self._tokens.question(question)
        asked = shares(self._trie, set().union(*(self._ways[label] for label in among)))
        read = await asyncio.gather(*(self._read(ids, share) for share in asked))
        weights: list[Sequence[float]] = [[0.0] * len(children) for children in self._children]
        for share, rows in zip(asked, read, strict=True):
            for decision, own in zip(share.decisions, rows, strict=True):
                weights[decision] = own
        self._server.answered()
        return dict(zip(self._labels, self._trie.logprobs(weights), strict=True))

    async def _read(self, ids: list[int], share: _Share) -> list[list[float]]:
        """For each decision of a share the log-probability of each of its children."""
        body = {
            "model": self._model,
            "prompt": [[*ids, *self._leads[decision]] for decision in share.decisions],
            "max_tokens": 1,
            "temperature": 0,
            **self._dialect.naming(share.tokens),
        }
        choices = await self._post(orjson.dumps(body))
        try:
            told = [self._dialect.named(choice) for choice in choices]
            return [
                [own[token] for token in self._children[decision]]
                for decision, own in zip(share.decisions, told, strict=True)
            ]
        except (KeyError, IndexError, TypeError, ValueError):
            raise EngineError("The server does not give the log-probabilities it was asked for.") from None

    async def _post(self, body: bytes) -> list[dict[str, Any]]:
        if self._http is None:
            self._http = httpx.AsyncClient(timeout=LONGEST_SECONDS, trust_env=False, headers=JSON)
        try:
            response = await self._http.post(
                f"{self._server.url}/v1/completions", content=body, headers=tracing.outgoing()
            )
        except httpx.HTTPError as error:
            raise EngineError(f"The server does not answer ({type(error).__name__}).") from error
        if response.status_code != httpx.codes.OK:
            raise EngineError(f"The server answers with {response.status_code}.")
        try:
            choices: list[dict[str, Any]] = orjson.loads(response.content)["choices"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise EngineError("The server's answer cannot be read.") from None
        return sorted(choices, key=lambda choice: int(choice["index"]))


def shares(trie: Trie, decisions: Iterable[int], most: int = MOST_TOKENS) -> tuple[_Share, ...]:
    """These decisions of a trie, divided so that few requests ask for at most so many tokens each.

    Raises:
        ValueError: when one decision alone has more children.
    """
    found: list[tuple[list[int], set[int]]] = []
    for index in sorted(decisions, key=lambda index: (-len(trie.decisions[index].children), index)):
        children = set(trie.decisions[index].children)
        if len(children) > most:
            raise ValueError(f"a decision has {len(children)} children; a server tells {most}")
        share = next((share for share in found if len(share[1] | children) <= most), None)
        if share is None:
            found.append(share := ([], set()))
        share[0].append(index)
        share[1].update(children)
    return tuple(_Share(tuple(decisions), tuple(sorted(tokens))) for decisions, tokens in found)
