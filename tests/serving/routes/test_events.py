"""`GET /v1/events`: the tenant's own, from the moment of acknowledgement, complete across shipments, page by page."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from serving_app import App

from mapper_domain.events import EventRecord
from mapper_serving.listings import EventPage

LABELS = ("US_SSN", "EMAIL_ADDRESS", "PHONE_NUMBER", "nobody-knows-this", "US_SSN")


def get(app: App, headers: dict[str, str] | None = None, **query: object) -> Any:
    return app.http.get("/v1/events", params=query, headers=app.acme if headers is None else headers)


def pages(app: App, **query: object) -> Iterator[EventPage]:
    page = EventPage.model_validate_json(get(app, **query).content)
    yield page
    while page.more:
        page = EventPage.model_validate_json(get(app, **query, cursor=page.next).content)
        yield page


def everything(app: App, **query: object) -> list[EventRecord]:
    return [event for page in pages(app, **query) for event in page.events]


def send(app: App, *labels: str, **body: object) -> list[str]:
    return [app.map("presidio", label, **body).headers["X-Event-Id"] for label in labels]


def test_an_event_is_listed_as_soon_as_it_is_acknowledged(app: App) -> None:
    answer = app.map("presidio", "US_SSN")
    (event,) = everything(app)
    assert event.event_id == answer.headers["X-Event-Id"]
    assert event.event.model_dump(mode="json") == answer.json()
    assert (event.tenant_id, event.sequence) == ("acme", 1)


def test_a_page_is_the_same_to_the_byte_before_and_after_shipping(app: App) -> None:
    send(app, *LABELS)
    before = get(app)
    app.ship()
    assert get(app).content == before.content
    assert EventPage.model_validate_json(before.content).version_info.release == "rules"


def test_shipped_and_waiting_events_of_several_days_come_in_order_without_gap_or_double(app: App) -> None:
    late = (datetime.now(UTC) - timedelta(days=2)).isoformat()
    sent = [*send(app, *LABELS, occurred_at=late)]
    app.ship()
    sent += send(app, *LABELS)
    app.ship()
    sent += send(app, *LABELS)
    for limit in (1, 4, 15, 100):
        found = everything(app, limit=limit)
        assert [event.event_id for event in found] == sent
        assert [event.sequence for event in found] == [*range(1, 6), *range(1, 11)]


def test_the_last_cursor_leads_to_what_comes_later(app: App) -> None:
    send(app, "US_SSN")
    *_, page = pages(app)
    assert EventPage.model_validate_json(get(app, cursor=page.next).content).events == ()
    (later,) = send(app, "EMAIL_ADDRESS")
    app.ship()
    (event,) = EventPage.model_validate_json(get(app, cursor=page.next).content).events
    assert event.event_id == later


def test_one_day_may_be_asked_for(app: App) -> None:
    moment = datetime.now(UTC) - timedelta(days=3)
    (late,) = send(app, "US_SSN", occurred_at=moment.isoformat())
    send(app, "EMAIL_ADDRESS")
    assert [event.event_id for event in everything(app, day=moment.date().isoformat())] == [late]
    assert everything(app, day="2026-01-01") == []


def test_a_tenant_sees_its_own_events_only_and_no_other_tenant_s_cursor_works(app: App) -> None:
    mine, theirs = send(app, "US_SSN", "US_SSN"), app.map("presidio", "US_SSN", headers=app.globex)
    (other,) = EventPage.model_validate_json(get(app, app.globex).content).events
    assert other.event_id == theirs.headers["X-Event-Id"]
    assert [event.event_id for event in everything(app)] == mine
    cursor = get(app, limit=1).json()["next"]
    refused = get(app, app.globex, cursor=cursor)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid-cursor")


@pytest.mark.parametrize(
    ("query", "status", "pointers"),
    [
        ({"limit": 0}, 422, ["/limit"]),
        ({"limit": 1001}, 422, ["/limit"]),
        ({"limit": "many"}, 422, ["/limit"]),
        ({"day": "yesterday"}, 422, ["/day"]),
        ({"day": "20261123", "limit": -1}, 422, ["/day", "/limit"]),
        ({"dya": "2026-11-23"}, 422, [""]),
        ({"cursor": "AAAA"}, 400, []),
        ({"cursor": ""}, 400, []),
    ],
)
def test_a_query_that_cannot_be_used_is_a_problem(
    shared_app: App, query: dict[str, object], status: int, pointers: list[str]
) -> None:
    response = get(shared_app, **query)
    assert response.status_code == status
    assert [error["pointer"] for error in response.json()["errors"]] == pointers


def test_a_cursor_belongs_to_the_day_it_was_made_for(app: App) -> None:
    send(app, "US_SSN")
    cursor = get(app).json()["next"]
    assert get(app, cursor=cursor, day="2026-11-23").status_code == 400


def test_the_next_page_is_linked_and_pages_are_not_cached(app: App) -> None:
    send(app, "US_SSN", "US_SSN")
    response = get(app, limit=1)
    following = app.http.get(response.links["next"]["url"], headers=app.acme)
    assert following.json()["events"][0]["sequence"] == 2
    assert response.headers["Cache-Control"] == "no-store"


def test_without_a_credential_or_with_another_tenant_s_name_nothing_is_listed(shared_app: App) -> None:
    assert get(shared_app, {}).status_code == 401
    refused = get(shared_app, {**shared_app.acme, "X-Tenant-ID": "globex"})
    assert (refused.status_code, refused.json()["code"]) == (403, "tenant-mismatch")


def test_a_damaged_segment_is_no_empty_page(app: App) -> None:
    send(app, "US_SSN")
    app.ship()
    (segment,) = app.layout.events.rglob("*.parquet")
    segment.chmod(0o644)
    segment.write_bytes(b"not parquet")
    refused = get(app)
    assert (refused.status_code, refused.json()["code"]) == (503, "events-unavailable")
    assert refused.headers["Retry-After"] == "1"
