"""The Python client against the real service: in process, and over a real socket; and what it does when things fail."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn
from serving_app import REPOSITORY, write_keys

from mapper_serving.app import create_app
from mapper_serving.client import ONCE, AsyncClient, Client, Retries
from mapper_serving.client_calls import Refused, Unreachable
from mapper_serving.problems import Code
from mapper_serving.settings import Settings
from mapper_serving.state import Serving

SOON = Retries(attempts=4, seconds=20)


@dataclass(frozen=True)
class Served:
    """The real service on a socket of this machine."""

    url: str
    key: str
    other_key: str
    settings: Settings


@contextmanager
def served(folder: Path, rules: Serving, **settings: object) -> Iterator[Served]:
    """The service under uvicorn, in a thread, on a free port."""
    acme, globex = write_keys(folder / "keys.yaml")
    chosen = Settings.model_validate(
        {
            "root": REPOSITORY,
            "artifacts": folder,
            "keys": folder / "keys.yaml",
            "ship_seconds": 3600,
            "outbox_apart": False,
            "ship_apart": False,
            **settings,
        }
    )
    config = uvicorn.Config(create_app(chosen, first=rules), port=0, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Served(f"http://127.0.0.1:{port}", acme["X-API-Key"], globex["X-API-Key"], chosen)
    finally:
        server.should_exit = True
        thread.join(30)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, rules: Serving) -> Iterator[Served]:
    """One service for tests that look at answers."""
    with served(tmp_path_factory.mktemp("served"), rules) as running:
        yield running


@dataclass
class Wire(httpx.BaseTransport):
    """The real network, with faults: `fault` may answer, or raise, before or after a request went through.

    Attributes:
        keys: Idempotency-Key of every attempt.
    """

    fault: Callable[[int, Callable[[], httpx.Response]], httpx.Response]
    keys: list[str | None] = field(default_factory=list)
    inner: httpx.HTTPTransport = field(default_factory=httpx.HTTPTransport)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one attempt, or do not."""
        self.keys.append(request.headers.get("Idempotency-Key"))
        return self.fault(len(self.keys), lambda: self.inner.handle_request(request))


def test_every_call_answers_with_its_type(service: Served) -> None:
    with Client(service.url, service.key) as client:
        mapped = client.map("presidio", "US_SSN", raw_ref="s3://evidence/1", environment="dev")
        assert mapped.event.taxonomy == ("PII.Identifier.SSN",)
        assert (mapped.event.policy_context.environment, mapped.release, mapped.replayed) == ("dev", "rules", False)
        found = client.map_findings(
            "deberta-toxicity", [{"label": "toxic", "score": 0.9}, {"label": "insult", "score": 0.8}]
        )
        assert [len(recorded.event.taxonomy) for recorded in found] == [1, 1]
        batch = client.map_batch(
            [
                {"detector": "presidio", "output": "US_SSN", "occurred_at": datetime.now(UTC)},
                {"detector": "presidio", "output": {"x": 1}},
            ]
        )
        assert [item.status for item in batch.items] == [200, 422]
        assert "detector: my-scanner" in client.propose("my-scanner", [{"label": "hate_threat"}]).yaml
        assert set(mapped.event.taxonomy) <= {label.name for label in client.taxonomy().labels}
        assert "presidio" in [detector.name for detector in client.detectors().detectors]
        assert [release.role for release in client.releases().releases] == ["stable"]


def test_events_are_read_page_by_page(tmp_path: Path, rules: Serving) -> None:
    with served(tmp_path, rules) as service, Client(service.url, service.key) as client:
        sent = [item.event_id for item in client.map_batch([{"detector": "presidio", "output": "US_SSN"}] * 250).items]
        assert [event.event_id for event in client.events()] == sent
        assert [event.event_id for event in client.events(day=datetime.now(UTC).date())] == sent
        page = client.events_page(limit=200)
        assert [event.event_id for event in client.events(after=page.next)] == sent[200:]
        with Client(service.url, service.other_key) as other:
            assert list(other.events()) == []


def test_an_answer_that_got_lost_is_asked_for_again_and_recorded_once(tmp_path: Path, rules: Serving) -> None:
    def lose_twice(attempt: int, send: Callable[[], httpx.Response]) -> httpx.Response:
        answer = send()
        if attempt < 3:
            raise httpx.ReadError("the connection broke after the service had answered")
        return answer

    wire = Wire(lose_twice)
    with served(tmp_path, rules) as service:
        with Client(service.url, service.key, retries=SOON, transport=wire) as client:
            mapped = client.map("presidio", "US_SSN")
        assert mapped.replayed
        assert len(wire.keys) == 3
        assert len(set(wire.keys)) == 1
        assert wire.keys[0] is not None
        with Client(service.url, service.key) as client:
            assert [event.event_id for event in client.events()] == [mapped.event_id]


def test_two_calls_have_two_keys_unless_the_caller_says_they_are_one(service: Served) -> None:
    wire = Wire(lambda _, send: send())
    with Client(service.url, service.key, transport=wire) as client:
        first, second = client.map("presidio", "US_SSN"), client.map("presidio", "US_SSN")
        assert first.event_id != second.event_id
        assert wire.keys[0] != wire.keys[1]
        one, same = (client.map("presidio", "US_SSN", idempotency_key="mine-1") for _ in range(2))
        assert (one.event_id, same.replayed) == (same.event_id, True)


def test_a_retryable_problem_is_tried_again_when_the_service_says_so(tmp_path: Path, rules: Serving) -> None:
    wire = Wire(lambda _, send: send())
    with (
        served(tmp_path, rules, rate_limit_key=1, rate_limit_seconds=2) as service,
        Client(service.url, service.key, retries=SOON, transport=wire) as client,
    ):
        client.map("presidio", "US_SSN")
        assert not client.map("presidio", "US_SSN").replayed
    assert 3 <= len(wire.keys) <= 4  # earlier than Retry-After it would have been refused again


def test_a_problem_that_will_not_go_away_is_raised_at_once_and_says_what_to_do(service: Served) -> None:
    wire = Wire(lambda _, send: send())
    with Client(service.url, service.key, retries=SOON, transport=wire) as client, pytest.raises(Refused) as refused:
        client.map("presidio", {"x": 1})
    assert refused.value.problem.code is Code.UNREADABLE_OUTPUT
    assert not refused.value.retryable
    assert len(wire.keys) == 1


def test_a_gateway_in_between_is_no_answer_of_the_service(service: Served) -> None:
    def gateway(attempt: int, send: Callable[[], httpx.Response]) -> httpx.Response:
        return httpx.Response(502, html="<h1>Bad gateway</h1>") if attempt == 1 else send()

    with Client(service.url, service.key, retries=SOON, transport=Wire(gateway)) as client:
        assert client.map("presidio", "US_SSN").event.taxonomy
    with (
        Client(service.url, service.key, retries=ONCE, transport=Wire(gateway)) as client,
        pytest.raises(Unreachable, match="HTTP 502"),
    ):
        client.map("presidio", "US_SSN")


def test_where_nobody_answers_the_client_says_so_after_its_attempts() -> None:
    with (
        Client("http://127.0.0.1:1", "key", retries=Retries(attempts=2)) as client,
        pytest.raises(Unreachable) as failed,
    ):
        client.taxonomy()
    assert failed.value.retryable


@asynccontextmanager
async def in_process(folder: Path, rules: Serving) -> AsyncIterator[AsyncClient]:
    """The asynchronous client, right on the application."""
    acme, _ = write_keys(folder / "keys.yaml")
    app = create_app(Settings(root=REPOSITORY, artifacts=folder, keys=folder / "keys.yaml"), first=rules)
    async with (
        app.router.lifespan_context(app),
        AsyncClient("http://service", acme["X-API-Key"], transport=httpx.ASGITransport(app)) as client,
    ):
        yield client


def test_the_asynchronous_client_does_the_same_in_process(tmp_path: Path, rules: Serving) -> None:
    async def talk() -> None:
        async with in_process(tmp_path, rules) as client:
            mapped = await asyncio.gather(*(client.map("presidio", "US_SSN") for _ in range(20)))
            findings = await client.map_findings("presidio", "US_SSN")
            batch = await client.map_batch([{"detector": "presidio", "output": "US_SSN"}] * 120)
            sent = {m.event_id for m in mapped} | {f.event_id for f in findings} | {i.event_id for i in batch.items}
            listed = [event.event_id async for event in client.events()]
            assert len(listed) == 141
            assert set(listed) == sent
            assert (await client.taxonomy()).version == (await client.detectors()).version_info.taxonomy
            assert (await client.releases()).releases[0].mode == "rules"
            assert (await client.propose("my-scanner", [{"label": "hate_threat"}])).labels
            with pytest.raises(Refused) as refused:
                await client.map("presidio", {"x": 1})
            assert refused.value.problem.status == 422

    asyncio.run(talk())


def test_fields_that_a_newer_service_adds_are_no_trouble(service: Served) -> None:
    def newer(_: int, send: Callable[[], httpx.Response]) -> httpx.Response:
        answer = send()
        return httpx.Response(answer.status_code, json={**json.loads(answer.read()), "brand_new": 1})

    with Client(service.url, service.key, transport=Wire(newer)) as client:
        assert client.releases().releases
        with pytest.raises(Refused):
            client.events_page(limit=0)


def test_the_client_needs_no_web_framework_and_no_settings() -> None:
    heavy = "fastapi starlette uvicorn pydantic_settings pyarrow prometheus_client"
    check = f"import sys, mapper_serving.client; print(sorted(set('{heavy}'.split()) & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, cwd=REPOSITORY)
    assert found.stdout.strip() == "[]"
