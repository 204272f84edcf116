"""Health, version, and what happens when the service itself is wrong."""

from pathlib import Path

import pytest
from serving_app import App, running_app

from mapper_serving import logs
from mapper_serving.state import Serving


def test_a_service_in_rules_mode_is_alive_and_ready(shared_app: App) -> None:
    assert shared_app.http.get("/livez").json() == {"status": "alive"}
    ready = shared_app.http.get("/readyz")
    assert ready.status_code == 200
    assert (ready.json()["status"], ready.json()["mode"], ready.json()["release"]) == ("ready", "rules", "rules")


def test_a_service_has_started_when_its_release_was_loaded_or_refused(shared_app: App) -> None:
    response = shared_app.http.get("/startupz")
    assert (response.status_code, response.json()) == (200, {"started": True})


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/version", "/metrics", "/nowhere", "/v1/taxonomy", "/v1/map"])
def test_every_answer_carries_each_version_header_once(shared_app: App, path: str) -> None:
    response = shared_app.http.get(path)
    version = shared_app.http.get("/version").json()
    for header, name in (("taxonomy", "taxonomy"), ("frameworks", "frameworks")):
        assert response.headers.get_list(f"X-{header}-Version") == [version[name]]
    assert response.headers.get_list("X-Release") == ["rules"]


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


def test_an_unexpected_error_is_a_bare_500_and_its_message_is_not_logged(
    tmp_path: Path, rules: Serving, capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure("debug")
    with running_app(tmp_path, rules) as app:
        broken = object()
        object.__setattr__(app.http.app.state.service, "trials", broken)
        response = app.map("presidio", "some-raw-secret")
        assert (response.status_code, response.json()["code"]) == (500, "internal-error")
    logged = capfd.readouterr().err
    assert '"error": "AttributeError"' in logged
    assert "some-raw-secret" not in logged + response.text
    assert "Traceback" not in logged
