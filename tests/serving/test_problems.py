"""Requests that are refused: the right problem, every field at once, nothing repeated, nothing mapped, all counted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_app import App, running_app

from mapper_serving.problems import KINDS, Code, ProblemDocument
from mapper_serving.state import Serving

SECRET = "hunter2-4111111111111111-jane.doe@example.com"
JSON = {"Content-Type": "application/json"}

BROKEN: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "not json": (b'{"detector": "presidio", ' + SECRET.encode(), JSON, 400, "malformed-json"),
    "empty": (b"", JSON, 400, "malformed-json"),
    "too deep": (b"[" * 5000, JSON, 400, "malformed-json"),
    "not utf-8": (b'{"detector":"presidio","output":"\xff\xfe"}', JSON, 400, "not-utf8"),
    "an array": (b'["' + SECRET.encode() + b'"]', JSON, 422, "invalid-request"),
    "empty object": (b"{}", JSON, 422, "invalid-request"),
    "another media type": (b'{"detector":"presidio"}', {"Content-Type": "text/plain"}, 415, "unsupported-media-type"),
    "a long body": (b'{"detector":"presidio","output":"' + b"x" * 1_100_000 + b'"}', JSON, 413, "body-too-long"),
    "a long native answer": (
        b'{"detector":"presidio","output":["' + b"x" * 70_000 + b'"]}',
        JSON,
        413,
        "output-too-long",
    ),
    "a long label": (b'{"detector":"presidio","output":"' + b"x" * 300 + b'"}', JSON, 413, "output-too-long"),
    "prose": (b'{"detector":"presidio","output":"' + SECRET.encode() + b'\\nline"}', JSON, 422, "unreadable-output"),
    "another shape": (b'{"detector":"presidio","output":{"x":1}}', JSON, 422, "unreadable-output"),
    "a number of 31 digits": (
        b'{"detector":"presidio","output":1' + b"0" * 30 + b"}",
        JSON,
        422,
        "unreadable-output",
    ),
    "a score of 401 digits": (
        b'{"detector":"presidio","output":[{"entity_type":"US_SSN","score":1' + b"0" * 400 + b"}]}",
        JSON,
        422,
        "unreadable-output",
    ),
    "unknown detector": (b'{"detector":"presidoi","output":"US_SSN"}', JSON, 404, "unknown-detector"),
}


@pytest.fixture(scope="module")
def shared_app(tmp_path_factory: pytest.TempPathFactory, rules: Serving) -> Iterator[App]:
    """An application that refuses detectors nobody has described, for tests that look at answers only."""
    with running_app(tmp_path_factory.mktemp("refusing"), rules, unknown_detectors="refuse") as running:
        yield running


@pytest.fixture
def app(tmp_path: Path, rules: Serving) -> Iterator[App]:
    """The same for tests that look at what is stored."""
    with running_app(tmp_path, rules, unknown_detectors="refuse") as running:
        yield running


@pytest.mark.parametrize("name", BROKEN)
def test_each_kind_of_bad_request_gets_its_problem(shared_app: App, name: str) -> None:
    body, headers, status, code = BROKEN[name]
    response = shared_app.http.post("/map", content=body, headers={**shared_app.acme, **headers})
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    problem = ProblemDocument.model_validate_json(response.content)
    assert (problem.code, problem.status, problem.type) == (code, status, f"urn:llama-mapper:problem:{code}")
    assert problem.instance.startswith("urn:uuid:")
    assert problem.detail
    for part in SECRET.split("-"):
        assert part not in response.text


def test_bad_requests_create_no_event_and_exactly_one_counted_rejection_each(app: App) -> None:
    for body, headers, _, _ in BROKEN.values():
        app.http.post("/map", content=body, headers={**app.acme, **headers})
    app.ship()
    assert app.events() == []
    assert sorted(app.rejections()) == sorted(code for _, _, _, code in BROKEN.values())
    (ledger,) = app.ledgers()
    assert (ledger["received"], ledger["accepted"], ledger["rejected"]) == (len(BROKEN), 0, len(BROKEN))
    assert app.metric('mapper_rejections_total{code="malformed-json"}') == 3


def test_a_problem_names_its_counted_rejection(app: App) -> None:
    problem = app.map("nobody", "x").json()
    app.ship()
    assert list(app.layout.rejections.rglob(f"{problem['instance'].removeprefix('urn:uuid:')}-*.parquet"))


def test_every_field_problem_is_reported_at_once_by_place_and_not_by_value(shared_app: App) -> None:
    response = shared_app.http.post(
        "/map",
        headers=shared_app.acme,
        json={
            "detector": SECRET,
            "metadata": {"environment": SECRET, "raw_ref": SECRET, SECRET: SECRET},
            "occurred_at": SECRET,
            "detector_version": SECRET,
            SECRET: SECRET,
        },
    )
    problem = response.json()
    assert {error["pointer"] for error in problem["errors"]} == {
        "",
        "/detector",
        "/detector_version",
        "/metadata",
        "/metadata/environment",
        "/metadata/raw_ref",
        "/occurred_at",
        "/output",
    }
    assert problem["detail"] == "The body has 8 problems; see errors."
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    ("metadata", "accepted"),
    [
        ({"raw_ref": "s3://evidence/acme/2026/11/23/object.json"}, True),
        ({"raw_ref": "01a2072a-b552-793e-a422-7b3824c6474d"}, True),
        ({"raw_ref": "123-45-6789"}, False),
        ({"raw_ref": "Jane Doe lives in Springfield"}, False),
        ({"raw_ref": "https://host/path?token=abc"}, False),
        ({"raw_ref": "s3://bucket/123-45-6789"}, False),
        ({"raw_ref": "jane@example.com"}, False),
    ],
)
def test_a_reference_points_at_evidence_and_is_never_the_evidence(
    shared_app: App, metadata: dict[str, str], accepted: bool
) -> None:
    response = shared_app.map("presidio", "US_SSN", metadata=metadata)
    assert response.status_code == (200 if accepted else 422)


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "2026-11-23T10:00:00", "yesterday"])
def test_an_event_out_of_time_is_refused(shared_app: App, moment: str) -> None:
    response = shared_app.map("presidio", "US_SSN", occurred_at=moment)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/occurred_at"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/map", 405, "method-not-allowed"),
        ("PUT", "/map/batch", 405, "method-not-allowed"),
    ],
)
def test_paths_and_methods_nobody_offers_are_problems_too(
    shared_app: App, method: str, path: str, status: int, code: str
) -> None:
    response = shared_app.http.request(method, path)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert path not in response.text


def test_every_code_has_one_status_and_one_title() -> None:
    assert set(KINDS) == set(Code)
    assert len({kind.title for kind in KINDS.values()}) == len(KINDS)
