"""Metrics work after traffic, name everything in the table, and never carry a tenant or a detector."""

import re

from serving_app import App

from mapper_serving.telemetry import METRICS


def test_metrics_answer_before_and_after_traffic_and_hold_our_series(app: App) -> None:
    assert app.http.get("/metrics").status_code == 200
    app.map("presidio", "US_SSN")
    app.map("presidio", "nobody-knows")
    app.map("presidio", {"not": "its shape"})
    response = app.http.get("/metrics")
    assert (response.status_code, response.headers["content-type"].split(";")[0]) == (200, "text/plain")
    assert app.metric('mapper_requests_total{route="/map",status="200"}') == 2
    assert app.metric('mapper_requests_total{route="/map",status="422"}') == 1
    assert app.metric('mapper_answers_total{route="rules"}') == 1
    assert app.metric("mapper_unknown_total") == 1
    assert app.metric('mapper_request_duration_seconds_count{route="/map"}') == 3
    assert app.metric("mapper_outbox_pending_events") == 3
    assert app.metric('mapper_release_info{frameworks="2026.11",release="rules",taxonomy="2026.11"}') == 1


def test_every_metric_of_the_table_is_exposed_with_its_help(app: App) -> None:
    text = app.http.get("/metrics").text
    for name, metric in METRICS.items():
        assert f"# HELP {name} {metric.help}" in text


def test_no_label_names_a_tenant_or_a_detector() -> None:
    assert not {label for metric in METRICS.values() for label in metric.labels} & {"tenant", "tenant_id", "detector"}


def test_names_carry_their_unit() -> None:
    endings = {
        "counter": r"_total$",
        "histogram": r"_(seconds|rows|items|ratio)$",
        "gauge": r"_(events|info|failures|seconds|segments)$",
    }
    for name, metric in METRICS.items():
        assert re.search(endings[metric.kind], name), name


def test_paths_nobody_declared_share_one_series(app: App) -> None:
    for path in ("/a", "/b", "/c"):
        app.http.get(path)
    assert app.metric('mapper_requests_total{route="unmatched",status="404"}') == 3
