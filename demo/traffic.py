"""Sends what was planned to the running service, and notes what became of each request.

The note (`sent.jsonl`) holds keys, status codes and event ids, never a body. A request whose key is in it is not
sent again.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

from demo.failure import DemoFailed
from demo.plan import Request

BATCH = 20
ATTEMPTS = 6
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one request.

    Attributes:
        event_id: the acknowledged event, empty where it was refused.
        problem: the problem's code, empty where it was accepted.
    """

    key: str
    tenant: str
    day: str
    status: int
    event_id: str = ""
    problem: str = ""


def read_sent(path: Path) -> tuple[Sent, ...]:
    """Everything sent so far; a last line cut by a kill is left out."""
    return tuple(Sent(**json.loads(line)) for line in _whole_lines(path))


def send(
    client: httpx.Client, keys: Mapping[str, str], requests: Sequence[Request], note: Path, say: Say
) -> tuple[Sent, ...]:
    """Send what has not been sent yet, and give what became of it.

    Args:
        client: with the service as its base URL.
        keys: API key by tenant.
        requests: all planned requests, in any order.
        note: where to note what was sent.
        say: takes a line of progress for each tenant and day.

    Raises:
        DemoFailed: when the service does not answer, or answers what the plan does not foresee.
    """
    done = {sent.key for sent in read_sent(note)}
    waiting = [request for request in requests if request.key not in done]
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text("".join(_whole_lines(note)), encoding="utf-8")
    fresh: list[Sent] = []
    with note.open("a", encoding="utf-8") as stream:
        for tenant, day in sorted({(request.tenant, request.day) for request in waiting}):
            part = [request for request in waiting if (request.tenant, request.day) == (tenant, day)]
            before = len(fresh)
            for sent in _send_all(client, keys[tenant], part):
                stream.write(json.dumps(asdict(sent)) + "\n")
                stream.flush()
                fresh.append(sent)
            accepted = sum(bool(sent.event_id) for sent in fresh[before:])
            say(f"{tenant} {day}: {accepted} events accepted, {len(part) - accepted} requests refused")
    return tuple(fresh)


def _whole_lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]


def _send_all(client: httpx.Client, key: str, requests: Sequence[Request]) -> Iterator[Sent]:
    for request in requests:
        if request.alone:
            answer = _post(client, "/map", key, request.body)
            problem = "" if answer.is_success else _code(answer.json())
            yield _sent(request, answer.status_code, answer.headers.get("X-Event-Id", ""), problem)
    others = [request for request in requests if not request.alone]
    for start in range(0, len(others), BATCH):
        batch = others[start : start + BATCH]
        body = b'{"items": [' + b",".join(request.body for request in batch) + b"]}"
        answer = _post(client, "/map/batch", key, body)
        if not answer.is_success:
            raise DemoFailed(f"The service refused a whole batch: {_code(answer.json())}.")
        for request, item in zip(batch, answer.json()["items"], strict=True):
            problem = _code(item["problem"]) if item.get("problem") else ""
            yield _sent(request, item["status"], item.get("event_id") or "", problem)


def _sent(request: Request, status: int, event_id: str, problem: str) -> Sent:
    if bool(event_id) == bool(problem):
        raise DemoFailed(f"Request {request.key} was answered {status} with neither an event nor a problem.")
    return Sent(request.key, request.tenant, request.day, status, event_id, problem)


def _post(client: httpx.Client, path: str, key: str, body: bytes) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    for attempt in range(ATTEMPTS):
        try:
            answer = client.post(path, content=body, headers=headers)
        except httpx.TransportError as error:
            raise DemoFailed(f"The service stopped answering ({type(error).__name__}); see its log.") from None
        if not answer.is_server_error:
            return answer
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            raise DemoFailed(f"The service failed with {answer.status_code} ({_code(answer.json())}); see its log.")
        time.sleep(2**attempt / 4)
    raise DemoFailed(f"The service was not ready after {ATTEMPTS} attempts; see its log.")


def _code(problem: Mapping[str, object]) -> str:
    """The code at the end of a problem's type, `urn:llama-mapper:problem:<code>`."""
    return str(problem.get("type", "unknown")).rsplit(":", 1)[-1]
