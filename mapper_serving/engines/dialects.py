"""How servers of the OpenAI-compatible API are asked for what that API has no words for.

Two things: the log-probabilities of next tokens one names, and an answer that keeps to a JSON schema. `/v1/models` says
which server it is (`owned_by`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

LEAST: Final = 1e-45
"""Stands for a probability that a server rounded to nothing."""

LIFT: Final = 100.0
"""Lifts the log-weights of the tokens one names above those of all others, by the same."""


class Dialect(Protocol):
    """The words of one kind of server. Log-probabilities are right up to a constant of each prompt."""

    def naming(self, tokens: Sequence[int]) -> dict[str, Any]:
        """What a request holds that asks for the log-probabilities of these next tokens."""
        ...

    def named(self, choice: Mapping[str, Any]) -> dict[int, float]:
        """Log-probability of each of them, from one choice of the answer; KeyError and its like if it has none."""
        ...

    def keeping(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """What a request holds whose answer shall keep to a schema."""
        ...


class Vllm:
    """vLLM, from 0.32 on."""

    def naming(self, tokens: Sequence[int]) -> dict[str, Any]:
        """As `Dialect.naming`."""
        return {"logprobs": len(tokens), "logprob_token_ids": tokens, "return_tokens_as_token_ids": True}

    def named(self, choice: Mapping[str, Any]) -> dict[int, float]:
        """As `Dialect.named`."""
        told = choice["logprobs"]["top_logprobs"][0]
        return {int(token.removeprefix("token_id:")): value for token, value in told.items()}

    def keeping(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """As `Dialect.keeping`."""
        return {"response_format": {"type": "json_schema", "json_schema": {"name": "taxonomy", "schema": schema}}}


class LlamaCpp:
    """llama.cpp and what is built on it, for GGUF files: it tells of the most likely tokens, so they are made so."""

    def naming(self, tokens: Sequence[int]) -> dict[str, Any]:
        """As `Dialect.naming`."""
        return {
            "n_probs": len(tokens),
            "logit_bias": [[token, LIFT] for token in tokens],
            "samplers": ["temperature"],
            "temperature": 1.0,
            "post_sampling_probs": True,
        }

    def named(self, choice: Mapping[str, Any]) -> dict[int, float]:
        """As `Dialect.named`."""
        told = choice["logprobs"]["content"][0]["top_probs"]
        return {token["id"]: math.log(max(token["prob"], LEAST)) for token in told}

    def keeping(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """As `Dialect.keeping`."""
        return {"json_schema": schema}


def dialect(owner: str) -> Dialect:
    """The dialect of a server by what it says of the owner of its models."""
    return LlamaCpp() if "llama" in owner.lower() else Vllm()
