"""The HTTP calls to a vLLM server that are not made for a request: its models, its adapters, its pulse, its schema.

Blocking, for threads. What a request asks goes through `remote`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from mapper_domain import prompt
from mapper_domain.errors import EngineError
from mapper_serving.engines.dialects import Dialect, dialect

ANSWER_TOKENS = 64
"""More than any answer that names one label takes."""

MESSAGE = 200
"""Most characters of a server's message that are passed on."""


class ServerApi:
    """One server's OpenAI-compatible API; not for more than one thread at once."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, trust_env=False)

    def models(self, *, timeout: float) -> tuple[str, ...]:
        """Names of what it serves, the base model first.

        Raises:
            EngineError: when it does not say, this and all calls below.
        """
        return tuple(model["id"] for model in self._models(timeout))

    def dialect(self, *, timeout: float) -> Dialect:
        """How it wants to be asked."""
        return dialect(str(self._models(timeout)[0].get("owned_by", "")))

    def pulse(self, model: str, *, timeout: float, ahead: bool = False) -> None:
        """Nothing, if it computes one token in time; a server whose `/health` is green may have hung.

        Args:
            model: to ask.
            timeout: in seconds.
            ahead: before all that waits; only where the server schedules by priority.
        """
        asked = {"model": model, "prompt": [1], "max_tokens": 1, **({"priority": -1} if ahead else {})}
        self._call("POST", "/v1/completions", asked, timeout)

    def load(self, name: str, folder: Path, *, timeout: float) -> None:
        """Load an adapter. One of this name may be there: names are hashes of content, so it is the same."""
        body = {"lora_name": name, "lora_path": str(folder.resolve())}
        try:
            self._call("POST", "/v1/load_lora_adapter", body, timeout)
        except EngineError as error:
            if "already been loaded" not in str(error):
                raise

    def unload(self, name: str, *, timeout: float) -> None:
        """Forget an adapter."""
        self._call("POST", "/v1/unload_lora_adapter", {"lora_name": name}, timeout)

    def answer(self, model: str, question: str, labels: Sequence[str], *, timeout: float) -> tuple[str, ...]:
        """The labels the model names when it is held to the schema of answers."""
        asked = {
            "model": model,
            "prompt": prompt.prompt(question),
            "max_tokens": ANSWER_TOKENS,
            "temperature": 0,
            **self.dialect(timeout=timeout).keeping(prompt.schema(labels)),
        }
        said = self._call("POST", "/v1/completions", asked, timeout)["choices"][0]["text"]
        try:
            named = tuple(json.loads(said)["taxonomy"])
        except (ValueError, TypeError, KeyError):
            named = ()
        if len(named) != 1 or named[0] not in labels:
            raise EngineError("The server does not hold its answers to a JSON schema.")
        return named

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()

    def _models(self, timeout: float) -> list[dict[str, Any]]:
        try:
            listed: list[dict[str, Any]] = self._call("GET", "/v1/models", None, timeout)["data"]
        except (KeyError, TypeError):
            listed = []
        if not listed:
            raise EngineError("The server does not say which models it serves.")
        return listed

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None, timeout: float) -> Any:
        try:
            response = self._http.request(method, path, json=body, timeout=timeout)
        except httpx.HTTPError as error:
            raise EngineError(f"The server does not answer {path} ({type(error).__name__}).") from error
        if response.status_code != httpx.codes.OK:
            raise EngineError(f"The server answers {path} with {response.status_code}: {_message(response)}")
        try:
            return response.json()
        except ValueError:
            return None


def _message(response: httpx.Response) -> str:
    """The server's own words about an error, shortened."""
    try:
        content = response.json()
        said = content.get("error", content).get("message", "")
    except (ValueError, AttributeError):
        said = response.text
    return " ".join(str(said).split())[:MESSAGE]
