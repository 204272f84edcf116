"""Health, version, the published OpenAPI document, and what happens when the service itself is wrong."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from serving_app import App, running_app

from mapper_serving import logs
from mapper_serving.problems import KINDS, Code
from mapper_serving.state import Serving


def test_a_service_in_rules_mode_is_alive_and_ready(shared_app: App) -> None:
    assert shared_app.http.get("/livez").json() == {"status": "alive"}
    ready = shared_app.http.get("/readyz")
    assert ready.status_code == 200
    assert (ready.json()["status"], ready.json()["mode"], ready.json()["release"]) == ("ready", "rules", "rules")


def test_without_keys_the_service_runs_and_is_not_ready(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, keys=tmp_path / "none.yaml") as app:
        assert app.http.get("/livez").status_code == 200
        ready = app.http.get("/readyz")
        assert ready.status_code == 503
        assert "There is no keys file" in ready.json()["problems"][0]
        assert app.map("presidio", "US_SSN").status_code == 401


def test_version_names_the_catalogue_and_its_detectors(shared_app: App, rules: Serving) -> None:
    version = shared_app.http.get("/version").json()
    assert version["catalog_sha256"] == rules.catalog.sha256
    assert version["detectors"] == sorted(rules.catalog.by_name)


def test_openapi_is_3_1_and_declares_bodies_answers_and_every_problem(shared_app: App) -> None:
    document = shared_app.http.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    declared = " ".join(
        response["description"]
        for path in ("/map", "/map/batch")
        for response in document["paths"][path]["post"]["responses"].values()
    )
    elsewhere = {Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED, Code.NOT_READY}
    assert {code for code in KINDS if f"`{code}`" in declared} == set(Code) - elsewhere
    problem = document["paths"]["/map"]["post"]["responses"]["422"]["content"]
    assert problem == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    assert document["paths"]["/map"]["post"]["security"] == [{"bearer": ["map:write"]}, {"key": ["map:write"]}]


def test_every_reference_in_openapi_leads_somewhere_and_schemas_fit_real_messages(shared_app: App) -> None:
    document = shared_app.http.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for reference in references(document):
        assert reference.removeprefix("#/components/schemas/") in schemas
    answers = {
        "CanonicalEvent": shared_app.map("presidio", "US_SSN").json(),
        "EventList": shared_app.map("presidio", "US_SSN", events="per_finding").json(),
        "ProblemDocument": shared_app.map("presidio", {}).json(),
        "MapRequest": {"detector": "presidio", "output": "US_SSN", "metadata": {"environment": "dev"}},
        "Readiness": shared_app.http.get("/readyz").json(),
        "VersionInfo": shared_app.http.get("/version").json(),
    }
    for name, message in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        Draft202012Validator(schema).validate(message)


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(item) for item in node)) if isinstance(node, list) else set()


def test_an_unexpected_error_is_a_bare_500_and_its_message_is_not_logged(
    tmp_path: Path, rules: Serving, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug")
    with running_app(tmp_path, rules) as app:
        broken = object()
        object.__setattr__(app.http.app.state.service, "mapper", broken)
        response = app.map("presidio", "some-raw-secret")
        assert (response.status_code, response.json()["code"]) == (500, "internal-error")
    logged = capfd.readouterr().err
    assert '"error": "AttributeError"' in logged
    assert "some-raw-secret" not in logged + response.text
    assert "Traceback" not in logged
