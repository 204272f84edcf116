"""Canaries planted in every field of every route reach no disk, no log, no trace, no metric and no answer.

The routes are walked, so a new one is covered, or fails until `route_classes` has a sound body for it.
"""

import json
import re
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from canaries import ANYTHING, CANARIES, TRACEPARENT, bodies, headers, needles, queries
from otlp_receiver import Received, receiver
from route_classes import Operation, operations
from serving_app import App, FakeScorer, running_app, with_model

from demo.canary import leaks
from mapper_domain.catalog import Catalog
from mapper_serving import logs
from mapper_serving.identity import keys
from mapper_serving.identity.principal import SCOPES

CONDITIONS: dict[str, dict[str, object]] = {
    "rules": {},
    "model": {},
    "broken model": {},
    "unknown detectors refused": {"unknown_detectors": "refuse"},
    "content refused": {"content_policy": "refuse"},
}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    """A collector that gets every span."""
    with receiver() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.endpoint)
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100000")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        yield received


@pytest.fixture(params=CONDITIONS)
def canary_app(request: pytest.FixtureRequest, tmp_path: Path, catalog: Catalog, collector: Received) -> Iterator[App]:
    """An application in each of its conditions, with everything that can be switched on switched on."""
    logs.configure("debug")
    scorer = FakeScorer([label.name for label in catalog.taxonomy.labels])
    serving = with_model(catalog, scorer)
    if request.param == "broken model":
        scorer.fails = lambda question: (_ for _ in ()).throw(RuntimeError(question))
    if request.param == "rules":
        object.__setattr__(serving, "engine", None)
    with running_app(tmp_path, serving, log_level="debug", **CONDITIONS[request.param]) as app:
        yield app


def credential(app: App) -> dict[str, str]:
    """A key of acme's that may do everything."""
    content, key = keys.issue(
        keys.read(app.settings.keys), "acme", keys.StoredTenant(hmac_key="ab" * 32), days=1, scopes=SCOPES
    )
    keys.write(app.settings.keys, content)
    app.http.app.state.service.identity.keyring.refresh()
    return {"X-API-Key": key}


def requests(app: App, operation: Operation, known: dict[str, str]) -> Iterator[Any]:
    """Answers to an operation with a canary in every place of it.

    Bodies get every canary; those of an alias, which has no version in its path, and all other places get some.
    """
    document = app.http.app.openapi()
    turns = cycle(CANARIES)
    path = re.sub(r"\{[^}]*\}", "sound", operation.path)
    sound = None if operation.example is None else json.dumps(operation.example)
    json_type = {"Content-Type": "application/json"} if sound else {}

    def ask(content: str | None, sent: dict[str, str], where: str = path) -> Any:
        return app.http.request(operation.method, where, content=content, headers={**json_type, **sent})

    for canary in CANARIES if path.startswith("/v1") else CANARIES[:2]:
        for body in bodies(operation, document, canary):
            yield ask(json.dumps(body), known)
        if sound:
            yield ask(canary, known)
    for name, canary in zip(headers(operation, document), turns, strict=False):
        trace = {"traceparent": TRACEPARENT} if name in ("tracestate", "baggage") else {}
        value = f"canary={canary},{canary}" if trace else f"Bearer {canary}" if name == "Authorization" else canary
        alone = name in ("Authorization", "X-API-Key")
        yield ask(sound, {**({} if alone else known), **trace, name: value})
    for query in queries(operation, next(turns)):
        yield ask(sound, known, f"{path}{query}")
    for part in re.findall(r"\{[^}]*\}", operation.path):
        yield ask(sound, known, operation.path.replace(part, next(turns)))
    yield ask(sound, known, f"{path}/{next(turns)}")


def test_no_canary_is_found_anywhere(
    capfd: pytest.CaptureFixture[str], canary_app: App, collector: Received, tmp_path: Path
) -> None:
    app, known, told = canary_app, credential(canary_app), []
    statuses: set[int] = set()
    for operation in operations(app.http.app):
        for answer in requests(app, operation, known):
            statuses.add(answer.status_code)
            may_repeat = operation.body == "ProposeRequest" and answer.is_success  # it answers about the words it got
            said = json.dumps(dict(answer.headers)) + ("" if may_repeat else answer.text)
            told += [(str(operation), needle) for needle in needles() if needle in said]
    assert told == []
    assert {200, 401, 403, 422} <= statuses
    assert 429 not in statuses
    events = app.http.get("/v1/events?limit=1000", headers=known).json()["events"]
    assert len(events) > 100
    metrics = app.http.get("/metrics").text
    assert leaks([tmp_path], needles()) == ()  # while the rows are in the outbox
    app.http.__exit__()
    captured = capfd.readouterr()
    assert leaks([tmp_path], needles()) == ()  # now they are in segments
    assert list(tmp_path.rglob("*.parquet"))
    assert '"event": "request.answered"' in captured.err
    assert len(collector.bodies) > 1
    exported = b"".join(collector.bodies)
    for needle in needles():
        assert needle not in metrics
        assert needle not in captured.out + captured.err
        assert needle.encode() not in exported


def test_the_walk_plants_in_every_field_there_is(catalog: Catalog, shared_app: App) -> None:
    document = shared_app.http.app.openapi()
    schemas = document["components"]["schemas"]
    assert ANYTHING in schemas
    for operation in operations(shared_app.http.app):
        planted = [json.dumps(body) for body in bodies(operation, document, "CANARY")]
        for name in schemas[operation.body]["properties"] if operation.body else ():
            assert [body for body in planted if f'"{name}": ' in body and "CANARY" in body], (operation, name)
        assert len(planted) == len(set(planted))
