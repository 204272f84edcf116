"""`/v1/map:batch`: order kept, one outcome for each item, counts that reconcile with the ledger."""

import pytest
from serving_app import App

from mapper_serving.answers import BatchAnswer

GOOD = {"detector": "presidio", "output": "US_SSN"}


def post(app: App, items: object) -> BatchAnswer:
    response = app.http.post("/v1/map:batch", json={"items": items}, headers=app.acme)
    answer = BatchAnswer.model_validate_json(response.content)
    assert response.status_code == (207 if answer.counts.rejected else 200)
    return answer


def test_items_keep_their_order_and_get_the_answer_they_would_get_alone(app: App) -> None:
    labels = ["EMAIL_ADDRESS", "US_SSN", "PHONE_NUMBER", "nobody-knows", "US_SSN"]
    answer = post(app, [{"detector": "presidio", "output": label} for label in labels])
    for index, (item, label) in enumerate(zip(answer.items, labels, strict=True)):
        assert (item.index, item.status) == (index, 200)
        assert item.event is not None
        assert list(item.event.taxonomy) == app.map("presidio", label).json()["taxonomy"]


def test_a_thousand_items_keep_their_order_their_status_and_their_counts(app: App) -> None:
    labels = ["US_SSN", "EMAIL_ADDRESS", "PHONE_NUMBER", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "URL"]
    items = [
        {"detector": "presidio", "output": {"x": 1} if index % 10 == 9 else labels[index % len(labels)]}
        for index in range(1000)
    ]
    answer = post(app, items)
    assert [item.index for item in answer.items] == list(range(1000))
    assert [item.status for item in answer.items] == [422 if index % 10 == 9 else 200 for index in range(1000)]
    alone = {label: app.map("presidio", label).json()["taxonomy"] for label in labels}
    for index, item in enumerate(answer.items):
        if item.event is not None:
            assert list(item.event.taxonomy) == alone[labels[index % len(labels)]]
    assert (answer.counts.received, answer.counts.accepted, answer.counts.rejected) == (1000, 900, 100)
    app.ship()
    (ledger,) = app.ledgers()
    assert (ledger["accepted"], ledger["rejected"]) == (900 + len(labels), 100)
    batched = [item.event_id for item in answer.items if item.event_id]
    assert [row["event_id"] for row in app.events()][: len(batched)] == batched


def test_a_bad_item_spoils_no_other_and_the_counts_reconcile_with_the_ledger(app: App) -> None:
    items = [
        GOOD,
        3,
        {"detector": "presidio", "output": {"x": 1}},
        {**GOOD, "more": 1},
        GOOD,
        {"detector": "presidio", "output": "x" * 300},
    ]
    answer = post(app, items)
    assert [item.status for item in answer.items] == [200, 422, 422, 422, 200, 413]
    assert (answer.counts.received, answer.counts.accepted, answer.counts.rejected) == (6, 2, 4)
    app.ship()
    (ledger,) = app.ledgers()
    assert (ledger["received"], ledger["accepted"], ledger["rejected"]) == (6, 2, 4)
    assert [row["event_id"] for row in app.events()] == [item.event_id for item in answer.items if item.event_id]
    assert sorted(app.rejections()) == ["invalid-request", "invalid-request", "output-too-long", "unreadable-output"]


@pytest.mark.parametrize(("count", "status"), [(1, 200), (1000, 200), (1001, 422), (0, 422)])
def test_a_batch_holds_one_to_a_thousand_items(app: App, count: int, status: int) -> None:
    response = app.http.post("/v1/map:batch", json={"items": [GOOD] * count}, headers=app.acme)
    assert response.status_code == status
    app.ship()
    assert len(app.events()) == (count if status == 200 else 0)
    assert app.rejections() == ([] if status == 200 else ["invalid-request"])
