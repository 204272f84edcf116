import json
from datetime import date

from demo.plan import Day, closed_days, expected_detectors, plan
from mapper_domain.catalog import Catalog


def test_closed_days_end_yesterday() -> None:
    assert closed_days(date(2026, 3, 2)) == ("2026-02-27", "2026-02-28", "2026-03-01")


def test_planning_a_day_again_gives_the_same_requests(catalog: Catalog, day: Day) -> None:
    again = plan(catalog, day.tenant, day.day)
    assert [request.key for request in again.requests] == [request.key for request in day.requests]
    assert [_stable(request.body) for request in again.requests] == [_stable(request.body) for request in day.requests]
    assert again.planted == day.planted


def test_keys_are_unique_and_name_tenant_and_day(day: Day) -> None:
    keys = {request.key for request in day.requests}
    assert len(keys) == len(day.requests)
    assert all(key.startswith(f"{day.day}/{day.tenant}/") for key in keys)


def test_every_event_happens_on_its_day(day: Day) -> None:
    moments = [item["occurred_at"] for request in day.requests if "occurred_at" in (item := _read(request.body))]
    assert len(moments) > 80
    assert all(moment.startswith(day.day) for moment in moments)


def test_two_real_detectors_and_at_least_six_documented_ones_speak(catalog: Catalog, day: Day) -> None:
    spoken = {_read(request.body).get("detector") for request in day.requests} & set(catalog.by_name)
    assert {"detect-secrets", "presidio"} <= spoken
    assert len(spoken) >= 8


def test_tenants_promise_what_they_send(catalog: Catalog, day: Day) -> None:
    sent = {_read(request.body).get("detector") for request in day.requests} & set(catalog.by_name)
    assert set(expected_detectors(day.tenant)) <= set(catalog.by_name)
    assert set(expected_detectors("globex")) >= {"codeshield"}
    assert {"detect-secrets", "presidio"} <= sent & set(expected_detectors(day.tenant))


def test_the_search_covers_the_texts_and_the_hashes_detect_secrets_reports(day: Day) -> None:
    hashes = {value for value in day.planted if len(value) == 40 and set(value) <= set("0123456789abcdef")}
    sent = "".join(str(_read(request.body)) for request in day.requests)
    assert hashes
    assert all(value in sent for value in hashes)
    assert len(day.planted) > 100


def _read(body: bytes) -> dict[str, object]:
    try:
        return dict(json.loads(body))
    except ValueError:
        return {}


def _stable(body: bytes) -> object:
    """A body without what real detectors put in it that names this process: times, object ids and folders."""
    document = _read(body)
    return {key: document.get(key) for key in ("detector", "occurred_at", "metadata")}
