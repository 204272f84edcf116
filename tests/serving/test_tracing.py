"""Trace context in and out, and spans as a real OTLP receiver gets them."""

import contextvars
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from otlp_receiver import Received, receiver, texts
from serving_app import App, FakeScorer, running_app, with_model

from mapper_domain.catalog import Catalog
from mapper_serving import tracing
from mapper_serving.state import Serving
from mapper_serving.tracing import Trace, Tracing

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{PARENT}-01"
STAGES = {"authenticate", "read", "map", "ask model", "record"}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Received]:
    """A receiver that the environment names."""
    with receiver() as received:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", received.endpoint)
        yield received


def begun(*headers: tuple[str, str], tracing_: Tracing | None = None) -> tuple[Trace, dict[str, str]]:
    """The trace of a request with these headers, and what it would send on, in a context of their own."""

    def begin() -> tuple[Trace, dict[str, str]]:
        trace = (tracing_ or Tracing()).begin([(name.encode(), value.encode()) for name, value in headers])
        return trace, tracing.outgoing()

    return contextvars.copy_context().run(begin)


def test_a_request_without_context_gets_ids_of_its_own() -> None:
    (first, carried), (second, _) = begun(), begun()
    assert re.fullmatch(r"[0-9a-f]{32}", first.trace_id)
    assert re.fullmatch(r"[0-9a-f]{16}", first.request_id)
    assert (first.trace_id, first.request_id) != (second.trace_id, second.request_id)
    assert carried == {}


def test_a_context_is_continued_and_sent_on_as_it_came_where_nothing_is_recorded() -> None:
    trace, carried = begun(("traceparent", SAMPLED), ("tracestate", "a=1,b=2"))
    assert (trace.trace_id, trace.flags) == (TRACE, 0)
    assert carried == {"traceparent": SAMPLED, "tracestate": "a=1,b=2"}


@pytest.mark.parametrize(
    "headers",
    [
        [("traceparent", "")],
        [("traceparent", "jane canary")],
        [("traceparent", SAMPLED.upper())],
        [("traceparent", f"ff-{TRACE}-{PARENT}-01")],
        [("traceparent", f"00-{'0' * 32}-{PARENT}-01")],
        [("traceparent", f"00-{TRACE}-{'0' * 16}-01")],
        [("traceparent", f"{SAMPLED}-more")],
        [("traceparent", f"00-{TRACE[1:]}-{PARENT}-01")],
        [("traceparent", SAMPLED), ("traceparent", SAMPLED)],
        [("tracestate", "a=1")],
    ],
)
def test_an_invalid_context_is_as_none(headers: list[tuple[str, str]]) -> None:
    trace, carried = begun(*headers)
    assert trace.trace_id != TRACE
    assert carried == {}


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert begun(("traceparent", f"01-{TRACE}-{PARENT}-01-more"))[0].trace_id == TRACE


def test_an_invalid_tracestate_is_left_out() -> None:
    _, carried = begun(("traceparent", SAMPLED), ("tracestate", "=,;"))
    assert carried == {"traceparent": SAMPLED}


@pytest.mark.parametrize("path", ["/v1/map", "/livez", "/nowhere"])
def test_every_answer_names_the_request_and_its_trace(app: App, path: str) -> None:
    response = app.http.get(path, headers={"traceparent": SAMPLED, "X-Request-Id": "mine"})
    request_id = response.headers["X-Request-Id"]
    assert re.fullmatch(r"[0-9a-f]{16}", request_id)
    assert response.headers["traceresponse"] == f"00-{TRACE}-{request_id}-00"


def test_spans_of_every_stage_reach_a_collector(tmp_path: Path, catalog: Catalog, collector: Received) -> None:
    serving = with_model(catalog, FakeScorer([label.name for label in catalog.taxonomy.labels]))
    with running_app(tmp_path, serving) as app:
        response = app.map("presidio", "nobody knows it", app.acme | {"traceparent": SAMPLED, "tracestate": "a=1"})
    spans = collector.spans
    assert set(spans) == STAGES | {"POST /map"}
    request = spans.pop("POST /map")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert request.span_id.hex() == response.headers["X-Request-Id"]
    assert response.headers["traceresponse"].endswith("-01")
    assert texts(request.attributes) == {
        "http.request.method": "POST",
        "http.route": "/map",
        "http.response.status_code": "200",
        "mapper.tenant": "acme",
        "mapper.release": serving.versions.release,
    }
    assert {span.trace_id for span in spans.values()} == {request.trace_id}
    assert spans["ask model"].parent_span_id == spans["map"].span_id
    assert {spans[name].parent_span_id for name in STAGES - {"ask model"}} == {request.span_id}
    assert all(request.start_time_unix_nano <= span.start_time_unix_nano for span in spans.values())
    assert collector.resource["service.name"] == "llama-mapper"
    assert not [span.trace_state for span in (request, *spans.values()) if span.trace_state]


def test_a_refusal_has_its_code_and_an_error_its_type(tmp_path: Path, rules: Serving, collector: Received) -> None:
    with running_app(tmp_path, rules) as app:
        app.map("presidio", {"not": "its shape"})
        app.http.request("JANE", "/v1/map")
        object.__setattr__(app.http.app.state.service, "trials", None)
        assert app.http.post("/v1/map", json={"detector": "presidio", "output": "x"}, headers=app.acme).is_error
        app.map("presidio", "US_SSN", {"X-API-Key": "wrong"})
    spans = collector.spans
    mapped = [texts(span.attributes) for span in collector.every_span if span.name == "map"]
    assert mapped == [{"error.type": "unreadable-output"}, {"error.type": "AttributeError"}]
    assert texts(spans["authenticate"].attributes) == {"error.type": "unauthenticated"}
    assert texts(spans["POST /v1/map"].attributes)["http.response.status_code"] == "500"
    assert spans["POST /v1/map"].status.code == 2
    assert any(name.startswith("_OTHER ") for name in spans)
    assert not [event for span in spans.values() for event in span.events]


def test_a_batch_is_mapped_in_one_stage(tmp_path: Path, rules: Serving, collector: Received) -> None:
    item = {"detector": "presidio", "output": "US_SSN"}
    with running_app(tmp_path, rules) as app:
        app.http.post("/v1/map:batch", json={"items": [item, {"detector": 1}, item]}, headers=app.acme)
    names = [span.name for span in collector.every_span]
    assert sorted(names) == ["POST /v1/map:batch", "authenticate", "map", "read", "record"]


def test_what_the_caller_does_not_sample_is_not_exported(tmp_path: Path, rules: Serving, collector: Received) -> None:
    with running_app(tmp_path, rules) as app:
        response = app.map("presidio", "US_SSN", app.acme | {"traceparent": f"00-{TRACE}-{PARENT}-00"})
    assert response.headers["traceresponse"].startswith(f"00-{TRACE}-")
    assert collector.bodies == []


def test_the_standard_variables_name_service_and_headers(
    tmp_path: Path, rules: Serving, collector: Received, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mapper-eu")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=secret")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    with running_app(tmp_path, rules) as app:
        app.http.get("/livez")
    assert collector.resource["service.name"] == "mapper-eu"
    assert collector.headers["api-key"] == "secret"


@pytest.mark.parametrize(
    "variables",
    [
        {"OTEL_SDK_DISABLED": "true"},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
    ],
)
def test_it_is_off_where_they_say_so_or_ask_for_what_there_is_not(
    tmp_path: Path,
    rules: Serving,
    collector: Received,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with running_app(tmp_path, rules) as app:
        assert app.http.get("/livez").status_code == 200
    assert collector.bodies == []


def test_recording_sends_its_own_span_on_and_the_callers_tracestate(collector: Received) -> None:
    recording = Tracing.from_environment("1")
    trace, carried = begun(("traceparent", SAMPLED), ("tracestate", "a=1"), tracing_=recording)
    assert carried == {"traceparent": f"00-{TRACE}-{trace.request_id}-01", "tracestate": "a=1"}
    trace.end("GET", "/livez", 200)
    recording.close()
    assert list(collector.spans) == ["GET /livez"]


def test_the_end_does_not_wait_for_a_collector_that_never_answers(
    tmp_path: Path, rules: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with running_app(tmp_path, rules) as app:
            assert app.http.get("/livez").status_code == 200
        assert "flush-traces" in [thread.name for thread in threading.enumerate()]
