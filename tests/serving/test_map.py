"""What `/map` answers, in rules mode over the real catalogue."""

import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from jsonschema import Draft202012Validator
from serving_app import REPOSITORY, App

from mapper_domain.events import CanonicalEvent

SCHEMA = Draft202012Validator(
    json.loads((REPOSITORY / "taxonomy" / "schema.json").read_text()),
    format_checker=Draft202012Validator.FORMAT_CHECKER,
)
NEGATIVES = ("not_toxic", "non-toxic", "no violence detected", "no_hate", "toxic: 0.00")
NONSENSE = ("toxic: 0.03", "a", "ss", "§$%", "🙂", "toxi")


@pytest.mark.parametrize(
    ("detector", "output", "expected"),
    [
        ("deberta-toxicity", "toxic", ["HARM.SPEECH.Toxicity"]),
        ("deberta-toxicity", "severe_toxic", ["HARM.SPEECH.Toxicity"]),
        ("presidio", "US_SSN", ["PII.Identifier.SSN"]),
        ("presidio", "us-ssn", ["PII.Identifier.SSN"]),
        ("presidio", [{"entity_type": "US_SSN", "start": 4, "end": 15, "score": 0.9}], ["PII.Identifier.SSN"]),
        ("presidio", [], ["OTHER.Safe"]),
    ],
)
def test_known_labels_and_native_answers_are_mapped(
    shared_app: App, detector: str, output: object, expected: list[str]
) -> None:
    response = shared_app.map(detector, output)
    assert response.status_code == 200
    event = response.json()
    assert event["taxonomy"] == expected
    assert event["provenance"]["route"] == "rules"


@pytest.mark.parametrize(
    "output", ["toxic", "nobody-knows-this", [{"label": "toxic", "score": 0.97}, {"label": "insult", "score": 0.8}]]
)
def test_answers_are_exactly_as_the_published_schema_has_them(shared_app: App, output: object) -> None:
    response = shared_app.map(
        "deberta-toxicity", output, metadata={"raw_ref": "s3://bucket/object", "environment": "dev"}
    )
    assert response.status_code == 200
    SCHEMA.validate(response.json())
    parsed = CanonicalEvent.model_validate_json(response.content)
    assert json.loads(parsed.model_dump_json()) == response.json()


@pytest.mark.parametrize("detector", ["deberta-toxicity", "openai-moderation", "gitleaks", "llm-guard"])
@pytest.mark.parametrize("output", NONSENSE)
def test_nonsense_is_unknown_and_never_a_harm(shared_app: App, detector: str, output: str) -> None:
    event = shared_app.map(detector, output).json()
    assert event["taxonomy"] == ["OTHER.Unknown"]
    assert (event["confidence"], event["scores"]) == (0.0, {"OTHER.Unknown": 0.0})
    assert event["provenance"]["route"] == "unknown"


@pytest.mark.parametrize("output", NEGATIVES)
def test_a_negative_is_never_the_harm_it_denies(shared_app: App, output: str) -> None:
    assert shared_app.map("deberta-toxicity", output).json()["taxonomy"][0] in ("OTHER.Safe", "OTHER.Unknown")


@pytest.mark.parametrize("output", ["", " ", "\t"])
def test_an_empty_output_is_refused_because_a_detector_that_found_nothing_says_so(shared_app: App, output: str) -> None:
    assert shared_app.map("deberta-toxicity", output).status_code == 422


def test_a_detector_that_failed_is_neither_safe_nor_unknown(shared_app: App) -> None:
    failed = {"name": "Toxicity", "score": None, "error": "timeout", "success": None}
    event = shared_app.map("deepteam", failed).json()
    assert event["taxonomy"] == ["OTHER.ModelError"]


def test_the_answer_names_its_event_and_every_version_it_depends_on(shared_app: App) -> None:
    response = shared_app.map("deberta-toxicity", "toxic")
    assert uuid.UUID(response.headers["X-Event-Id"]).version == 7
    version = shared_app.http.get("/version").json()
    assert response.headers["X-Taxonomy-Version"] == version["taxonomy"] == "2026.11"
    assert response.headers["X-Frameworks-Version"] == version["frameworks"]
    assert response.headers["X-Release"] == version["release"] == "rules"


def test_tenant_environment_and_expectations_come_from_the_credential(shared_app: App) -> None:
    event = shared_app.map("presidio", "US_SSN").json()
    assert event["provenance"]["tenant_id"] == "acme"
    assert event["policy_context"] == {"expected_detectors": ["presidio"], "environment": "stage"}
    other = shared_app.map("presidio", "US_SSN", headers=shared_app.globex).json()
    assert other["provenance"]["tenant_id"] == "globex"
    assert other["policy_context"] == {"expected_detectors": [], "environment": "prod"}


def test_vendor_and_version_come_from_the_yaml_unless_the_caller_knows_the_version(shared_app: App) -> None:
    described = shared_app.map("presidio", "US_SSN").json()["provenance"]
    assert described["vendor"] == "Microsoft / presidio"
    assert shared_app.map("presidio", "US_SSN", detector_version=described["detector_version"]).status_code == 200
    newer = shared_app.map("presidio", "US_SSN", detector_version="2.3.0").json()["provenance"]
    assert newer["detector_version"] == "2.3.0"


def test_a_late_event_belongs_to_the_day_it_occurred(app: App) -> None:
    moment = datetime.now(UTC) - timedelta(days=3)
    event = app.map("presidio", "US_SSN", occurred_at=moment.isoformat()).json()
    assert datetime.fromisoformat(event["provenance"]["ts"]) == moment
    app.ship()
    assert app.events()[0]["occurred_at"] == moment
    assert [ledger["day"] for ledger in app.ledgers()] == [moment.date().isoformat()]


def test_the_stored_row_says_what_was_answered_and_which_controls_it_is_evidence_for(app: App) -> None:
    response = app.map("presidio", "US_SSN", metadata={"raw_ref": "urn:uuid:01a2072a-b552-793e-a422-7b3824c6474d"})
    app.ship()
    (row,) = app.events()
    assert row["event_json"] == response.text
    assert row["event_id"] == response.headers["X-Event-Id"]
    assert (row["source_label"], row["source_label_hmac"]) == ("US_SSN", None)
    assert row["raw_ref"] == "urn:uuid:01a2072a-b552-793e-a422-7b3824c6474d"
    assert any(control.startswith("HIPAA@") for control in row["controls"])
    assert "SOC2@2017:CC7.2" in row["controls"]


def test_what_a_request_says_of_itself_is_in_its_own_event_and_in_no_later_one(app: App) -> None:
    said: list[dict[str, object]] = [
        {},
        {"metadata": {"raw_ref": "urn:uuid:01a2072a-b552-793e-a422-7b3824c6474d"}},
        {"metadata": {"environment": "prod"}},
        {"detector_version": "9.9"},
    ]
    for body in (*said, *reversed(said)):
        event = app.map("presidio", "US_SSN", **body).json()
        about: dict[str, str] = body.get("metadata", {})  # type: ignore[assignment]
        assert event["provenance"]["raw_ref"] == about.get("raw_ref", "")
        assert event["policy_context"]["environment"] == about.get("environment", "stage")
        assert (event["provenance"]["detector_version"] == "9.9") is ("detector_version" in body)
        assert app.map("presidio", "US_SSN", app.globex).json()["provenance"]["tenant_id"] == "globex"


def test_scoped_controls_need_the_tenants_scope(app: App) -> None:
    app.map("presidio", "US_SSN", headers=app.globex)
    app.ship()
    (row,) = app.events("globex")
    assert not any(control.startswith("HIPAA@") for control in row["controls"])


def test_a_label_that_might_be_anything_is_stored_as_a_hash_that_only_its_tenant_can_compare(app: App) -> None:
    for headers in (app.acme, app.acme, app.globex):
        app.map("deberta-toxicity", "Jane Doe", headers=headers)
    app.ship()
    first, second = app.events()
    (other,) = app.events("globex")
    assert first["source_label"] is None
    assert first["source_label_hmac"] == second["source_label_hmac"] != other["source_label_hmac"]
