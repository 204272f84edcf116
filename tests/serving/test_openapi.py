"""The OpenAPI document: checked in, whole, and true of what the service really answers."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from serving_app import REPOSITORY, App

from mapper_serving import openapi
from mapper_serving.problems import KINDS, Code

ITEM = {"detector": "presidio", "output": "US_SSN"}
BROKEN = {"detector": "presidio", "output": {"x": 1}}
VOCABULARY = {"detector": "my-scanner", "labels": [{"label": "hate_threat"}]}
ELSEWHERE = {Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED, Code.NOT_READY}
"""Codes that belong to no declared operation."""


class Asked(NamedTuple):
    """One request and the status it should get."""

    method: str
    path: str
    status: int
    body: object = None
    headers: Mapping[str, str] = {}
    query: str = ""
    known: bool = True


REQUESTS = [
    *(Asked("POST", path, 200, ITEM) for path in ("/v1/map", "/map")),
    Asked("POST", "/v1/map", 200, {**ITEM, "events": "per_finding"}),
    Asked("POST", "/v1/map", 200, ITEM, {"Accept": "application/cloudevents+json"}),
    Asked("POST", "/v1/map", 200, {**ITEM, "events": "per_finding"}, {"Accept": "application/cloudevents+json"}),
    Asked("POST", "/v1/map", 200, ITEM, {"Accept": "application/vnd.ocsf+json"}),
    Asked("POST", "/v1/map", 422, BROKEN),
    Asked("POST", "/v1/map", 400, ITEM, {"Idempotency-Key": '""'}),
    Asked("POST", "/v1/map", 401, ITEM, known=False),
    Asked("POST", "/v1/map", 403, ITEM, {"X-Tenant-ID": "globex"}),
    *(Asked("POST", path, 200, {"items": [ITEM, ITEM]}) for path in ("/v1/map:batch", "/map/batch")),
    Asked("POST", "/v1/map:batch", 207, {"items": [ITEM, BROKEN, {**ITEM, "events": "per_finding"}]}),
    Asked("POST", "/v1/map:batch", 422, {"items": []}),
    *(Asked("POST", path, 200, VOCABULARY) for path in ("/v1/detectors:propose", "/detectors:propose")),
    Asked("POST", "/v1/detectors:propose", 200, VOCABULARY, {"Accept": "application/yaml"}),
    Asked("GET", "/v1/events", 200),
    Asked("GET", "/v1/events", 200, headers={"Accept": "application/cloudevents-batch+json"}),
    Asked("GET", "/v1/events", 200, headers={"Accept": "application/vnd.ocsf+json"}),
    Asked("GET", "/v1/events", 422, query="limit=0"),
    Asked("GET", "/v1/events", 400, query="cursor=x"),
    Asked("GET", "/v1/taxonomy", 200),
    Asked("GET", "/v1/detectors", 200),
    Asked("GET", "/v1/detectors", 401, known=False),
    Asked("GET", "/v1/releases", 200),
    *(Asked("GET", path, 200, known=False) for path in ("/livez", "/startupz", "/readyz", "/version", "/metrics")),
]


@pytest.fixture(scope="module")
def document(shared_app: App) -> dict[str, Any]:
    """As the service publishes it."""
    return shared_app.http.get("/openapi.json").json()


def test_the_document_is_checked_in(shared_app: App) -> None:
    expected = (REPOSITORY / "docs" / "openapi.json").read_text()
    assert openapi.text(shared_app.http.app) == expected, "run `make openapi` and review the diff"  # type: ignore[arg-type]


def test_it_is_openapi_3_1_and_every_problem_code_is_declared_somewhere(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    declared = " ".join(
        response["description"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for response in operation["responses"].values()
    )
    assert {code for code in KINDS if f"`{code}`" in declared} == set(Code) - ELSEWHERE


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in references(document):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("asked", REQUESTS, ids=lambda asked: f"{asked.method} {asked.path} {asked.status}")
def test_real_answers_are_as_declared(shared_app: App, document: dict[str, Any], asked: Asked) -> None:
    headers = {**(shared_app.acme if asked.known else {}), **asked.headers}
    path = f"{asked.path}?{asked.query}" if asked.query else asked.path
    answer = shared_app.http.request(asked.method, path, json=asked.body, headers=headers)
    assert answer.status_code == asked.status
    declared = document["paths"][asked.path][asked.method.lower()]["responses"][str(asked.status)]
    for name, header in declared["headers"].items():
        about = document["components"]["headers"][name] if "$ref" in header else header
        if about.get("required") and "per_finding" not in str(asked.body):
            assert name in answer.headers
    media_type = answer.headers["content-type"].partition(";")[0]
    schema = declared["content"][media_type].get("schema", {})
    if media_type.endswith("json"):
        Draft202012Validator({**schema, "components": document["components"]}).validate(json.loads(answer.content))


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(item) for item in node)) if isinstance(node, list) else set()
