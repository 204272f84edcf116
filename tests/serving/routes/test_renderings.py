"""`Accept`: the event of an answer, or of a page, as CloudEvent or OCSF finding; stored the same whatever is asked."""

from typing import Any

import pytest
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
from serving_app import App

CLOUDEVENT, CLOUDEVENTS = "application/cloudevents+json", "application/cloudevents-batch+json"
OCSF = "application/vnd.ocsf+json"
TWO = [{"label": "toxic", "score": 0.97}, {"label": "insult", "score": 0.8}]


def accepting(app: App, media_type: str) -> dict[str, str]:
    return {**app.acme, "Accept": media_type}


def map_as(app: App, media_type: str, **body: object) -> Any:
    return app.map("deberta-toxicity", TWO, headers=accepting(app, media_type), **body)


def test_a_cloudevent_carries_the_canonical_event_and_its_id(shared_app: App) -> None:
    answer = map_as(shared_app, CLOUDEVENT)
    event = answer.json()
    assert answer.headers["Content-Type"] == CLOUDEVENT
    assert event["id"] == answer.headers["X-Event-Id"]
    assert event["source"] == "urn:llama-mapper:tenant:acme"
    assert event["data"]["taxonomy"] == ["HARM.SPEECH.Toxicity", "HARM.SPEECH.Insult"]
    assert event["time"] == event["data"]["provenance"]["ts"]


def test_one_event_for_each_finding_becomes_a_batch(shared_app: App) -> None:
    answer = map_as(shared_app, CLOUDEVENT, events="per_finding")
    assert answer.headers["Content-Type"] == CLOUDEVENTS
    assert [event["data"]["taxonomy"] for event in answer.json()] == [["HARM.SPEECH.Toxicity"], ["HARM.SPEECH.Insult"]]


def test_a_finding_is_one_ocsf_knows(shared_app: App) -> None:
    answer = map_as(shared_app, OCSF)
    finding = DetectionFinding.model_validate(answer.json())
    assert answer.headers["Content-Type"] == OCSF
    assert finding.finding_info.uid == answer.headers["X-Event-Id"]
    assert finding.metadata.tenant_uid == "acme"


def test_what_is_stored_does_not_depend_on_what_was_asked_for(app: App) -> None:
    for media_type in ("application/json", CLOUDEVENT, OCSF):
        map_as(app, media_type)
    app.ship()
    assert len({row["event_json"].partition('"ts"')[0] for row in app.events()}) == 1


@pytest.mark.parametrize("media_type", [CLOUDEVENT, CLOUDEVENTS, OCSF])
def test_a_page_of_events_renders_as_the_answers_did(app: App, media_type: str) -> None:
    answered = [map_as(app, media_type).json() for _ in range(2)]
    waiting = app.http.get("/v1/events", headers=accepting(app, media_type))
    app.ship()
    shipped = app.http.get("/v1/events", headers=accepting(app, media_type))
    assert waiting.json() == answered
    assert shipped.content == waiting.content
    assert shipped.links["next"]["url"].startswith("/v1/events?")


def test_who_accepts_nothing_we_have_gets_the_canonical_event(shared_app: App) -> None:
    answer = map_as(shared_app, "text/html")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")


def test_problems_are_problems_whatever_is_accepted(shared_app: App) -> None:
    refused = shared_app.map("presidio", {"x": 1}, headers=accepting(shared_app, OCSF))
    assert refused.headers["Content-Type"] == "application/problem+json"
