"""A small HTTP server that speaks as much of vLLM's API as the engine uses, with a made-up model behind it."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BASE = "base"


@dataclass
class FakeVllm:
    """Stands in for a vLLM server: the weight of a token depends on the tokens before it.

    Attributes:
        models: what it serves, the base model first.
        prompts: every prompt it was asked to continue.
        pause: seconds every completion takes.
        says: what it answers when it is held to a schema.
        status: of every completion.
        headers: of the last request with a body, names in lower case.
    """

    models: list[str] = field(default_factory=lambda: [BASE])
    prompts: list[list[int]] = field(default_factory=list)
    pause: float = 0.0
    says: str = '{"taxonomy":["OTHER.Unknown"]}'
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, object]:
        """Status and content of an answer."""
        if path == "/v1/load_lora_adapter":
            if body["lora_name"] in self.models:
                return 400, {"error": {"message": "The lora adapter 'x' has already been loaded."}}
            if "broken" in body["lora_path"]:
                return 500, {"error": {"message": "LoRA rank 64 is greater than max_lora_rank 16."}}
            self.models.append(body["lora_name"])
            return 200, "Success"
        if path == "/v1/unload_lora_adapter":
            self.models.remove(body["lora_name"])
            return 200, "Success"
        time.sleep(self.pause)
        if body["model"] not in self.models:
            return 404, {"error": {"message": "There is no such model."}}
        if self.status != 200:
            return self.status, {"error": {"message": "The engine died."}}
        if "response_format" in body:
            return 200, {"choices": [{"index": 0, "text": self.says}]}
        prompts = body["prompt"] if isinstance(body["prompt"][0], list) else [body["prompt"]]
        self.prompts += prompts
        choices = [{"index": index, "text": "", "logprobs": read(body, prompt)} for index, prompt in enumerate(prompts)]
        return 200, {"choices": choices[::-1]}


def read(body: dict[str, Any], prompt: list[int]) -> dict[str, object]:
    """Log-probabilities of the tokens a request asks for."""
    asked = body.get("logprob_token_ids", [])
    return {"top_logprobs": [{f"token_id:{token}": weight(prompt, token) for token in asked}]}


def weight(prompt: list[int], token: int) -> float:
    """The made-up model's log-weight of a next token."""
    return -((sum(prompt) * 31 + token * 17) % 23) / 3


@contextmanager
def served(fake: FakeVllm, port: int = 0) -> Iterator[str]:
    """The URL it answers at; all of its connections end with it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, {"data": [{"id": model} for model in fake.models]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(*fake.post(self.path, body))

        def _answer(self, status: int, content: object) -> None:
            payload = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def main() -> None:
    """Serve on the port the command line names, as vLLM would, until killed."""
    options = dict(zip(sys.argv[1:], sys.argv[2:], strict=False))
    with served(FakeVllm([options["--served-model-name"]]), int(options["--port"])):
        threading.Event().wait()


if __name__ == "__main__":
    main()
