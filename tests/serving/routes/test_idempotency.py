"""`Idempotency-Key`: the same request is answered once, another one under its key never, and tenants share nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from serving_app import App, FakeScorer, running_app, with_model
from starlette.testclient import TestClient

from mapper_domain.catalog import Catalog
from mapper_serving.app import create_app

BODY = {"detector": "presidio", "output": "US_SSN"}
OTHER = {"detector": "presidio", "output": "EMAIL_ADDRESS"}


def post(app: App, body: object, key: str, path: str = "/v1/map", headers: dict[str, str] | None = None) -> Any:
    sent = {**(app.acme if headers is None else headers), "Idempotency-Key": key}
    return app.http.post(path, json=body, headers=sent)


def test_the_same_request_gets_the_very_same_answer_and_one_event(app: App) -> None:
    first, second = post(app, BODY, '"k-1"'), post(app, BODY, '"k-1"')
    assert (first.status_code, second.status_code) == (200, 200)
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert first.content == second.content
    for name in ("X-Event-Id", "X-Release", "X-Taxonomy-Version", "X-Frameworks-Version", "Content-Type"):
        assert first.headers.get_list(name) == second.headers.get_list(name)
        assert len(second.headers.get_list(name)) == 1
    app.ship()
    assert [row["event_id"] for row in app.events()] == [first.headers["X-Event-Id"]]
    assert app.metric("mapper_replays_total") == 1


def test_a_batch_is_replayed_whole_with_its_status(app: App) -> None:
    items = {"items": [BODY, {"detector": "presidio", "output": {"x": 1}}]}
    first = post(app, items, "b", "/v1/map:batch")
    second = post(app, items, "b", "/v1/map:batch")
    assert (first.status_code, second.status_code) == (207, 207)
    assert first.content == second.content
    app.ship()
    assert len(app.events()) == 1
    assert app.rejections() == ["unreadable-output"]


def test_a_path_and_its_alias_are_one_route_and_two_routes_are_two(app: App) -> None:
    post(app, BODY, "k")
    assert post(app, BODY, "k", "/map").headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in post(app, {"items": [BODY]}, "k", "/v1/map:batch").headers


def test_quotes_around_a_key_make_no_difference(app: App) -> None:
    post(app, BODY, "5f1c0d9e")
    assert post(app, BODY, '"5f1c0d9e"').headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "accept"), [(OTHER, "application/json"), (BODY, "application/cloudevents+json")], ids=["body", "accept"]
)
def test_another_request_under_the_same_key_is_a_conflict_and_becomes_no_event(
    app: App, body: object, accept: str
) -> None:
    post(app, BODY, "k")
    refused = post(app, body, "k", headers={**app.acme, "Accept": accept})
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency-conflict")
    assert refused.json()["retryable"] is False
    app.ship()
    assert len(app.events()) == 1
    assert app.rejections() == ["idempotency-conflict"]


def test_tenants_share_no_keys(app: App) -> None:
    mine = post(app, BODY, "k")
    theirs = post(app, OTHER, "k", headers=app.globex)
    assert theirs.status_code == 200
    assert theirs.json()["provenance"]["tenant_id"] == "globex"
    assert theirs.json()["taxonomy"] != mine.json()["taxonomy"]
    assert "Idempotency-Replayed" not in theirs.headers


def test_a_refused_request_may_be_corrected_and_tried_again_under_its_key(app: App) -> None:
    assert post(app, {"detector": "presidio", "output": {"x": 1}}, "k").status_code == 422
    answer = post(app, BODY, "k")
    assert answer.status_code == 200
    assert "Idempotency-Replayed" not in answer.headers


@pytest.mark.parametrize("key", ["", '""', '"', "a b", "é".encode(), "x" * 256, '"a"b"', "a\tb"])
def test_a_key_that_is_none_is_refused(app: App, key: str | bytes) -> None:
    response = app.http.post("/v1/map", json=BODY, headers={**app.acme, "Idempotency-Key": key})
    assert (response.status_code, response.json()["code"]) == (400, "invalid-idempotency-key")


def test_neither_key_nor_request_is_stored(app: App) -> None:
    post(app, {"detector": "presidio", "output": "zebra-crossing-7"}, "secret-key-of-mine")
    stored = b"".join(path.read_bytes() for path in app.layout.outbox.parent.iterdir() if path.is_file())
    assert b"secret-key-of-mine" not in stored
    assert b"zebra-crossing-7" not in stored


def gated(catalog: Catalog) -> tuple[threading.Event, FakeScorer]:
    gate = threading.Event()
    return gate, FakeScorer([label.name for label in catalog.taxonomy.labels], gate=gate)


def wait_for_question(scorer: FakeScorer, count: int = 1) -> None:
    deadline = threading.Event()
    for _ in range(500):
        if len(scorer.questions) >= count:
            return
        deadline.wait(0.01)
    raise AssertionError("the model was never asked")


def test_while_a_request_is_being_answered_another_with_its_key_is_told_to_wait(
    tmp_path: Path, catalog: Catalog
) -> None:
    gate, scorer = gated(catalog)
    unseen = {"detector": "presidio", "output": "nobody-knows-this"}
    with running_app(tmp_path, with_model(catalog, scorer), deadline_seconds=30) as app, ThreadPoolExecutor(1) as pool:
        first = pool.submit(post, app, unseen, "k")
        wait_for_question(scorer)
        second = post(app, unseen, "k")
        gate.set()
        assert first.result().status_code == 200
        assert (second.status_code, second.json()["code"]) == (409, "idempotency-in-flight")
        assert second.json()["retryable"] is True
        assert second.headers["Retry-After"] == "1"
        assert post(app, unseen, "k").headers["Idempotency-Replayed"] == "true"


def test_two_workers_that_map_the_same_request_make_one_event_and_give_one_answer(
    tmp_path: Path, catalog: Catalog
) -> None:
    unseen = {"detector": "presidio", "output": "nobody-knows-this"}
    gate, one = gated(catalog)
    other = FakeScorer(one.labels, gate=gate)
    with (
        running_app(tmp_path, with_model(catalog, one), deadline_seconds=30) as first,
        TestClient(create_app(first.settings, first=with_model(catalog, other))) as http,
        ThreadPoolExecutor(2) as pool,
    ):
        second = replace(first, http=http)
        answers = [pool.submit(post, worker, unseen, "k", headers=first.acme) for worker in (first, second)]
        wait_for_question(one)
        wait_for_question(other)
        gate.set()
        bodies = {answer.result().content for answer in answers}
        replayed = [answer.result().headers.get("Idempotency-Replayed") for answer in answers]
        first.ship()
        assert len(bodies) == 1
        assert sorted(replayed, key=str) == [None, "true"]
        assert len(first.events()) == 1
