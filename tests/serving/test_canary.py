"""Canaries: secrets planted in every field of every route reach no disk, no log, no metric and no answer."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving_app import App, FakeScorer, running_app, with_model

from mapper_domain.catalog import Catalog
from mapper_serving import logs

CANARIES = {
    "number": "523-45-6789",
    "card": "4111 1111 1111 1111",
    "address": "jane.canary@example.com",
    "cloud key": "AKIACANARY1234567890",
    "vendor key": "sk-canary1234abcd5678",
    "name": "Jane Canary",
    "password": "canary-hunter2",
    "token": "eyJhbGciOiJIUzI1NiJ9.canary",
    "sentence": "the patient canary was treated for asthma",
}
FIELDS = (
    "detector",
    "output",
    "findings",
    "described",
    "text",
    "unknown field",
    "key",
    "raw_ref",
    "description",
    "field",
    "version",
    "time",
    "tenant",
)


def planted(secret: str, field: str) -> dict[str, object]:
    body: dict[str, object] = {"detector": "presidio", "output": "US_SSN"}
    return {
        "detector": {**body, "detector": secret},
        "output": {**body, "output": secret},
        "described": {
            "detector": "our-new-guard",
            "output": [{"label": "lure", "description": secret}, {"label": secret, "field": secret}, secret],
            "events": "per_finding",
        },
        "findings": {**body, "output": [{"entity_type": "PERSON", "score": 0.9, "text": secret, "start": 0, "end": 9}]},
        "text": {**body, "output": [{"entity_type": secret, "score": 0.9}]},
        "unknown field": {**body, "more": secret},
        "key": {**body, secret: 1},
        "raw_ref": {**body, "metadata": {"raw_ref": secret}},
        "description": {"detector": "presidio", "output": "some_unseen_thing", "metadata": {"description": secret}},
        "field": {**body, "metadata": {"field": secret}},
        "version": {**body, "detector_version": secret},
        "time": {**body, "occurred_at": secret},
        "tenant": {**body, "tenant_id": secret},
    }[field]


@pytest.fixture(params=["rules", "model", "broken model", "unknown detectors refused"])
def canary_app(request: pytest.FixtureRequest, tmp_path: Path, catalog: Catalog) -> Iterator[App]:
    """An application in each of its conditions."""
    logs.configure("debug")
    scorer = FakeScorer([label.name for label in catalog.taxonomy.labels])
    serving = with_model(catalog, scorer)
    if request.param == "broken model":
        scorer.fails = lambda question: (_ for _ in ()).throw(RuntimeError(question))
    if request.param == "rules":
        object.__setattr__(serving, "engine", None)
    policy = "refuse" if request.param == "unknown detectors refused" else "model"
    with running_app(tmp_path, serving, unknown_detectors=policy) as app:
        yield app


def test_no_planted_secret_is_found_anywhere(
    capfd: pytest.CaptureFixture[str], canary_app: App, tmp_path: Path
) -> None:
    app = canary_app
    answers = []
    for secret in CANARIES.values():
        bodies = [planted(secret, field) for field in FIELDS]
        answers += [app.http.post("/map", json=body, headers=app.acme) for body in bodies]
        answers.append(app.http.post("/map/batch", json={"items": [*bodies, secret]}, headers=app.acme))
        answers.append(app.http.post("/map", content=secret.encode(), headers=app.acme))
        answers.append(app.http.post("/map", json=planted(secret, "output"), headers={"X-API-Key": secret}))
        answers.append(
            app.http.post("/map", json=planted(secret, "output"), headers={**app.acme, "X-Tenant-ID": secret})
        )
        answers.append(app.http.get(f"/{secret}", headers=app.acme))
    metrics = app.http.get("/metrics").text
    app.http.__exit__()
    captured = capfd.readouterr()
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    unpacked = repr([app.events(), app.rejections()])
    assert any(b"PAR1" in content for content in written.values())
    for secret in CANARIES.values():
        needle = secret.encode()
        assert not [path for path, content in written.items() if needle in content]
        assert secret not in unpacked
        assert secret not in metrics
        assert secret not in captured.out + captured.err
        assert not [answer.text for answer in answers if secret in answer.text]
