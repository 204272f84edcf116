"""Several findings: one event with all their labels, or one event each, by request; durable in one transaction."""

from pathlib import Path

import pytest
from serving_app import App, running_app

from mapper_serving.answers import BatchAnswer, EventList
from mapper_serving.state import Serving

OUTPUT = [
    {"entity_type": "US_SSN", "score": 0.9, "start": 0, "end": 1},
    {"entity_type": "EMAIL_ADDRESS", "score": 0.8, "start": 2, "end": 3},
    {"entity_type": "nobody-knows", "score": 0.7, "start": 4, "end": 5},
    {"entity_type": "US_SSN", "score": 0.7, "start": 6, "end": 7},
]
EACH = [["PII.Identifier.SSN"], ["PII.Contact.Email"], ["OTHER.Unknown"]]


def test_by_default_they_make_one_event_with_every_label_and_its_score(app: App) -> None:
    response = app.map("presidio", OUTPUT)
    event = response.json()
    assert event["taxonomy"] == ["PII.Identifier.SSN", "PII.Contact.Email"]
    assert set(event["scores"]) == set(event["taxonomy"])
    assert app.map("presidio", OUTPUT, events="one").json()["scores"] == event["scores"]
    app.ship()
    assert app.events()[0]["event_id"] == response.headers["X-Event-Id"]


def test_by_request_each_distinct_finding_has_its_own_event_in_order(app: App) -> None:
    response = app.map("presidio", OUTPUT, events="per_finding")
    assert response.status_code == 200
    assert "X-Event-Id" not in response.headers
    assert response.headers["X-Release"] == "rules"
    answer = EventList.model_validate_json(response.content)
    assert [list(recorded.event.taxonomy) for recorded in answer.events] == EACH
    app.ship()
    rows = app.events()
    assert [row["event_id"] for row in rows] == [recorded.event_id for recorded in answer.events]
    assert [row["sequence"] for row in rows] == [1, 2, 3]
    assert [row["source_label"] for row in rows] == ["US_SSN", "EMAIL_ADDRESS", None]
    assert [ledger["accepted"] for ledger in app.ledgers()] == [3]
    assert app.metric('mapper_answers_total{route="rules"}') == 2


@pytest.mark.parametrize(
    ("detector", "output", "label"),
    [
        ("presidio", [], "OTHER.Safe"),
        ("deepteam", {"name": "Toxicity", "score": None, "error": "timeout", "success": None}, "OTHER.ModelError"),
        ("presidio", "US_SSN", "PII.Identifier.SSN"),
    ],
)
def test_an_output_without_several_findings_has_one_event(
    shared_app: App, detector: str, output: object, label: str
) -> None:
    answer = EventList.model_validate_json(shared_app.map(detector, output, events="per_finding").content)
    assert [recorded.event.taxonomy for recorded in answer.events] == [(label,)]


def test_items_of_a_batch_choose_for_themselves(app: App) -> None:
    item = {"detector": "presidio", "output": OUTPUT}
    items = [item, {**item, "events": "per_finding"}, {**item, "events": "many"}]
    response = app.http.post("/map/batch", json={"items": items}, headers=app.acme)
    answer = BatchAnswer.model_validate_json(response.content)
    assert (response.status_code, answer.counts.model_dump()) == (207, {"received": 3, "accepted": 2, "rejected": 1})
    one, several, refused = answer.items
    assert one.event is not None
    assert one.events is None
    assert several.event is None
    assert [list(recorded.event.taxonomy) for recorded in several.events or ()] == EACH
    assert refused.problem is not None
    app.ship()
    assert [row["event_id"] for row in app.events()] == [
        one.event_id,
        *(recorded.event_id for recorded in several.events or ()),
    ]
    (ledger,) = app.ledgers()
    assert (ledger["accepted"], ledger["rejected"]) == (4, 1)


def test_all_of_them_are_recorded_or_none(tmp_path: Path, rules: Serving) -> None:
    with running_app(tmp_path, rules, outbox_max_events=2) as app:
        refused = app.map("presidio", OUTPUT, events="per_finding")
        assert (refused.status_code, refused.json()["code"]) == (503, "not-recorded")
        app.ship()
        assert app.events() == []


def test_several_findings_of_an_unknown_detector_may_each_be_described(app: App) -> None:
    output = [{"label": "Social Security Number"}, {"label": "zzz", "description": "nobody knows"}]
    answer = app.map("our-new-guard", output, events="per_finding").json()
    assert [recorded["event"]["taxonomy"] for recorded in answer["events"]] == [
        ["PII.Identifier.SSN"],
        ["OTHER.Unknown"],
    ]
