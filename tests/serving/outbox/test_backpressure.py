"""The service refuses rather than map without recording, and says so before it is too late."""

import time
from pathlib import Path

import pytest
from serving_app import App, running_app

from mapper_serving.state import Serving


def fill(app: App) -> int:
    return int(app.map("presidio", "US_SSN").status_code)


@pytest.mark.parametrize("path", ["/map", "/map/batch"])
def test_the_service_answers_503_rather_than_map_without_recording(tmp_path: Path, rules: Serving, path: str) -> None:
    item = {"detector": "presidio", "output": "US_SSN"}
    body = item if path == "/map" else {"items": [item]}
    with running_app(tmp_path, rules, outbox_max_events=2) as app:
        statuses = [app.http.post(path, json=body, headers=app.acme).status_code for _ in range(4)]
        assert statuses == [200, 200, 503, 503]
        refused = app.http.post("/map", content=b"{", headers=app.acme)
        assert (refused.status_code, refused.json()["code"]) == (503, "not-recorded")
        assert int(refused.headers["Retry-After"]) >= 1
        ready = app.http.get("/readyz")
        assert (ready.status_code, ready.json()["problems"]) == (503, ["The outbox is full or closed."])
        assert app.metric("mapper_outbox_pending_events") == 2
    app.ship()
    assert len(app.events()) == 2


def test_a_service_near_its_bound_begins_nothing_that_it_may_not_be_able_to_record(
    tmp_path: Path, rules: Serving
) -> None:
    with running_app(tmp_path, rules, outbox_max_events=20, ship_seconds=30) as app:
        assert {fill(app) for _ in range(19)} == {200}
        assert app.http.get("/readyz").status_code == 503
        refused = app.map("presidio", "US_SSN")
        assert (refused.status_code, refused.json()["code"]) == (503, "not-recorded")
        assert refused.headers["Retry-After"] == "30"
        assert app.metric("mapper_outbox_pending_events") == 19


def test_an_outbox_somebody_else_has_drained_accepts_again(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, outbox_max_events=2, ship_seconds=0.2) as app:
        end = time.monotonic() + 30
        accepted = 0
        while accepted < 6:
            accepted += fill(app) == 200
            assert time.monotonic() < end
            app.ship()


def test_a_file_that_fills_up_under_the_service_is_503_and_not_ready(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, outbox_max_bytes=98_304) as app:
        statuses = [fill(app) for _ in range(100)]
        assert statuses[0] == 200
        assert statuses[-1] == 503
        assert app.http.get("/readyz").status_code == 503
        assert app.metric("mapper_outbox_failures_total") > 0
    app.ship()
    assert len(app.events()) == statuses.count(200)
    assert [ledger["received"] for ledger in app.ledgers()] == [statuses.count(200)]


def test_the_age_of_the_oldest_row_is_a_metric(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, ship_seconds=0.05, segments=str(tmp_path / "in-the-way")) as app:
        (tmp_path / "in-the-way").write_text("no folder")
        assert app.metric("mapper_outbox_lag_seconds") == 0
        fill(app)
        while not app.metric("mapper_outbox_lag_seconds"):
            time.sleep(0.05)
        assert app.metric('mapper_shipping_failures_total{sink="segments"}') > 0
        (tmp_path / "in-the-way").unlink()
        while app.metric("mapper_outbox_lag_seconds"):
            time.sleep(0.05)
        assert app.metric('mapper_shipped_events_total{sink="segments"}') == 1
