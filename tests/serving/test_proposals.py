"""`POST /detectors:propose`: a vocabulary in, suggestions and a detector file out, and nothing stored."""

import shutil
import threading
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from serving_app import REPOSITORY, App, FakeScorer, running_app, with_model

from mapper_domain.catalog import Catalog, load
from mapper_domain.errors import EngineError
from mapper_domain.taxonomy import SAFE
from mapper_serving.state import Serving

EMAIL, THREAT, INSULT = "PII.Contact.Email", "HARM.SPEECH.Threat", "HARM.SPEECH.Insult"
SAYS = {"zorb mail": EMAIL, "blarg": THREAT, "fnord": SAFE}


@pytest.fixture
def names(catalog: Catalog) -> list[str]:
    return [label.name for label in catalog.taxonomy.labels]


@pytest.fixture
def adapter(names: list[str]) -> FakeScorer:
    """An adapter that is sure of what it says."""
    return FakeScorer(names, SAYS, sure=0.95)


def propose(app: App, labels: list[object], **body: object):
    headers = {**app.acme, "Accept": str(body.pop("accept", "application/json"))}
    sent = {"detector": "acme-guard", "labels": [{"label": x} if isinstance(x, str) else x for x in labels], **body}
    return app.http.post("/detectors:propose", json=sent, headers=headers)


def by_label(response) -> dict[str, dict]:
    assert response.status_code == 200, response.text
    return {found["label"]: found for found in response.json()["labels"]}


def test_every_label_comes_back_with_candidates_confidence_and_a_flag(tmp_path, catalog, adapter) -> None:
    with running_app(tmp_path, with_model(catalog, adapter)) as app:
        response = propose(app, ["zorb mail", {"label": "fnord", "description": "all fine"}], kind="pii", version="2")
    found = by_label(response)
    assert found["zorb mail"]["taxonomy"] == [EMAIL]
    assert found["zorb mail"]["needs_review"] is False
    assert len(found["zorb mail"]["candidates"]) == 5
    assert found["fnord"]["needs_review"] is True
    assert found["fnord"]["reasons"] == ["says-safe"]
    assert response.headers["X-Release"] == response.json()["release"] == "0123456789abcdef"


def test_the_answer_fits_the_published_schema(shared_app: App) -> None:
    document = shared_app.http.get("/openapi.json").json()
    answer = propose(shared_app, ["email", {"label": "x", "field": "y"}]).json()
    schema = {"$ref": "#/components/schemas/ProposalAnswer", "components": document["components"]}
    Draft202012Validator(schema).validate(answer)


def test_a_merged_proposal_is_answered_by_reviewed_mapping_without_a_model_call(tmp_path, catalog, adapter) -> None:
    root = tmp_path / "merged"
    for folder in ("taxonomy", "detectors", "frameworks"):
        shutil.copytree(REPOSITORY / folder, root / folder)
    with running_app(tmp_path / "before", with_model(catalog, adapter)) as app:
        before = app.map("acme-guard", "zorb mail").json()
        asked = len(adapter.questions)
        text = propose(app, ["zorb mail", "blarg", "fnord"], accept="application/yaml").text
    assert (before["provenance"]["route"], asked) == ("model", 1)
    (root / "detectors" / "acme-guard.yaml").write_text(text)
    merged = load(root)
    adapter.questions.clear()
    with running_app(tmp_path / "after", with_model(merged, adapter)) as app:
        for label, canonical in (("zorb mail", EMAIL), ("blarg", THREAT)):
            event = app.map("acme-guard", label).json()
            assert (event["taxonomy"], event["confidence"], event["provenance"]["route"]) == ([canonical], 1.0, "rules")
        assert adapter.questions == []
        app.map("acme-guard", "fnord")
        assert len(adapter.questions) == 1


def test_the_file_alone_is_yaml_and_the_same_as_in_the_json(shared_app: App) -> None:
    alone = propose(shared_app, ["email"], accept="application/yaml")
    assert alone.headers["content-type"].startswith("application/yaml")
    assert alone.text == propose(shared_app, ["email"]).json()["yaml"]
    assert yaml.safe_load(alone.text)["maps"] == {"email": EMAIL}


def test_the_adapter_is_asked_only_where_the_retriever_is_unsure(tmp_path, catalog, names, adapter) -> None:
    retriever = FakeScorer(names, {"sure": INSULT, "zorb mail": EMAIL}, sure=0.97)
    retriever_unsure = FakeScorer(names, {"zorb mail": EMAIL, "sure": INSULT}, sure=0.5)
    with running_app(tmp_path / "a", with_model(catalog, adapter, retriever)) as app:
        found = by_label(propose(app, ["sure", "zorb mail"]))
    assert adapter.questions == []
    assert found["sure"]["heard"] == ["retriever"]
    with running_app(tmp_path / "b", with_model(catalog, adapter, retriever_unsure)) as app:
        found = by_label(propose(app, ["sure", "zorb mail"]))
    assert len(adapter.questions) == 2
    assert found["sure"]["heard"] == ["adapter", "retriever"]


def test_after_the_deadline_the_retriever_has_spoken_alone(tmp_path, catalog, names) -> None:
    stuck = FakeScorer(names, SAYS, gate=threading.Event())
    retriever = FakeScorer(names, SAYS, sure=0.8)
    serving = with_model(catalog, stuck, retriever)
    with running_app(tmp_path, serving, proposal_deadline_seconds=0.5) as app:
        found = by_label(propose(app, ["zorb mail", "blarg"]))
        stuck.gate.set()
    assert {f["heard"][0] for f in found.values()} == {"retriever"}
    assert found["blarg"]["taxonomy"] == [THREAT]


def test_a_model_that_fails_leaves_the_rules(tmp_path, catalog, names) -> None:
    def fails(_question: str) -> None:
        raise EngineError("broken")

    broken = FakeScorer(names, fails=fails)
    with running_app(tmp_path, with_model(catalog, broken, FakeScorer(names, fails=fails))) as app:
        found = by_label(propose(app, ["email", "zorb"]))
    assert (found["email"]["taxonomy"], found["email"]["heard"]) == ([EMAIL], [])
    assert found["zorb"]["reasons"] == ["nobody-knows"]


def test_a_known_detector_is_proposed_what_it_lacks(shared_app: App) -> None:
    response = propose(shared_app, ["US_SSN", "e_mail"], detector="presidio")
    assert response.json()["exists"] is True
    assert response.json()["kind"] == "pii"
    assert by_label(response)["US_SSN"]["match"] == "exact"


@pytest.mark.parametrize(
    ("labels", "pointer"),
    [
        (["fine", "jane.doe@example.org"], "/labels/1/label"),
        (["two\nlines"], "/labels/0/label"),
        (["x" * 300], "/labels/0/label"),
        ([""], "/labels/0/label"),
        (["a", "a"], "/labels"),
        ([], "/labels"),
        ([{"label": "a", "text": "b"}], "/labels/0"),
        (["a"] * 4, "/labels"),
    ],
)
def test_what_is_no_vocabulary_is_refused_with_its_place_and_never_repeated(tmp_path, rules, labels, pointer) -> None:
    sent = [f"{label}{i}" if labels == ["a"] * 4 else label for i, label in enumerate(labels)]
    with running_app(tmp_path, rules, proposal_limit=3) as app:
        response = propose(app, sent)
    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert "jane" not in response.text


def test_it_needs_a_key_and_json(shared_app: App) -> None:
    body = {"detector": "x", "labels": [{"label": "y"}]}
    assert shared_app.http.post("/detectors:propose", json=body).status_code == 401
    text = shared_app.http.post("/detectors:propose", content="x", headers={**shared_app.acme, "Content-Type": "a/b"})
    assert text.status_code == 415
    other = shared_app.http.post("/detectors:propose", json=body, headers={**shared_app.acme, "X-Tenant-ID": "globex"})
    assert other.status_code == 403


def test_nothing_of_a_vocabulary_is_stored(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules) as app:
        assert propose(app, ["zorb mail"]).status_code == 200
        assert propose(app, [""]).status_code == 422
        assert app.metric('mapper_proposed_labels_total{outcome="review"}') == 1
        app.ship()
        assert (app.events(), app.rejections(), app.ledgers()) == ([], [], [])
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"zorb" not in stored
