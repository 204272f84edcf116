"""A shadow is asked after the reply; it delays nothing, fails nothing, records nothing, and sheds what is too much."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from serving_app import App
from swapping import UNSEEN, Engines, Maker, point, serves, trial, wait_until

from mapper_domain.layout import Layout
from mapper_domain.release import Shadow

OLD, NEW = "JAILBREAK.Attempt", "HARM.SPEECH.Threat"


@pytest.fixture
def shadowed(tmp_path: Path, made: Maker, start: Callable[..., App]) -> Callable[..., tuple[App, str, str]]:
    """Starts an application in which a release serves and another one is its shadow."""

    def begin(new: str = NEW, share: float = 1.0, **settings: object) -> tuple[App, str, str]:
        app = start(**{"shadow_busy": 1_000, **settings})
        stable, shadow = made(OLD), made(new)
        point(Layout(tmp_path), stable, shadow=Shadow(release=shadow, share=share))
        wait_until(serves(app, stable))
        wait_until(lambda: trial(app, "shadow")["state"] == "serving")
        return app, stable, shadow

    return begin


def compared(app: App, shadow: str) -> dict[str, float]:
    """How often each outcome was counted."""
    outcomes = ("agreed", "disagreed", "error", "shed")
    series = {o: f'mapper_shadow_comparisons_total{{outcome="{o}",release="{shadow}"}}' for o in outcomes}
    return {outcome: count for outcome in outcomes if (count := app.metric(series[outcome]))}


def test_agreement_and_disagreement_are_counted_by_release_and_the_stable_one_answers(
    shadowed: Callable[..., tuple[App, str, str]],
) -> None:
    app, stable, shadow = shadowed()
    response = app.map("presidio", UNSEEN)
    assert (response.headers["X-Release"], response.json()["taxonomy"]) == (stable, [OLD])
    wait_until(lambda: compared(app, shadow) == {"disagreed": 1})
    app.map("presidio", "US_SSN")
    wait_until(lambda: compared(app, shadow) == {"disagreed": 1, "agreed": 1})
    assert app.metric(f'mapper_release_role_info{{release="{shadow}",role="shadow"}}') == 1


def test_what_a_shadow_does_is_neither_recorded_nor_counted_as_traffic(
    shadowed: Callable[..., tuple[App, str, str]],
) -> None:
    app, stable, shadow = shadowed()
    items = [{"detector": "presidio", "output": f"{UNSEEN}_{number}"} for number in range(5)]
    assert app.http.post("/v1/map:batch", json={"items": items}, headers=app.acme).status_code == 200
    wait_until(lambda: sum(compared(app, shadow).values()) == 5)
    assert app.metric('mapper_model_calls_total{outcome="answered"}') == 5
    assert app.metric('mapper_answers_total{route="unknown"}') == 5
    app.ship()
    assert {row["release"] for row in app.events()} == {stable}
    assert len(app.events()) == 5


def test_a_shadow_that_hangs_holds_up_no_reply_and_the_rest_is_shed(
    shadowed: Callable[..., tuple[App, str, str]], engines: Engines
) -> None:
    app, stable, shadow = shadowed(shadow_queue=2, deadline_seconds=20.0)
    gate = threading.Event()
    engines.release(NEW).hold(gate)
    for number in range(10):
        response = app.map("presidio", f"{UNSEEN}_{number}")
        assert (response.status_code, response.headers["X-Release"]) == (200, stable)
    assert compared(app, shadow)["shed"] >= 7
    gate.set()
    wait_until(lambda: sum(compared(app, shadow).values()) == 10)


def test_a_busy_service_sheds_what_it_would_ask_the_shadow(shadowed: Callable[..., tuple[App, str, str]]) -> None:
    app, _, shadow = shadowed(shadow_busy=0, shadow_patience_seconds=0.0)
    portal = app.http.portal
    assert portal is not None
    lease = app.http.app.state.service.releases.lease()  # type: ignore[attr-defined]
    portal.call(lease.__enter__)
    app.map("presidio", UNSEEN)
    wait_until(lambda: compared(app, shadow) == {"shed": 1})
    portal.call(lease.__exit__, None, None, None)
    app.map("presidio", UNSEEN)
    wait_until(lambda: compared(app, shadow) == {"shed": 1, "disagreed": 1})


def test_a_shadow_whose_model_fails_is_an_error_of_its_own(shadowed: Callable[..., tuple[App, str, str]]) -> None:
    app, stable, shadow = shadowed(new=f"{NEW} fails")
    response = app.map("presidio", UNSEEN)
    assert (response.status_code, response.headers["X-Release"]) == (200, stable)
    wait_until(lambda: compared(app, shadow) == {"error": 1})
    assert app.metric('mapper_fallbacks_total{reason="error"}') == 0


def test_a_shadow_may_be_asked_about_a_share_only(shadowed: Callable[..., tuple[App, str, str]]) -> None:
    app, _, shadow = shadowed(share=0.5, shadow_queue=1_000)
    for number in range(40):
        app.map("presidio", f"{UNSEEN}_{number}")
    wait_until(lambda: sum(compared(app, shadow).values()) > 5)
    assert sum(compared(app, shadow).values()) < 35


def test_a_refused_request_is_not_put_to_the_shadow(shadowed: Callable[..., tuple[App, str, str]]) -> None:
    app, _, shadow = shadowed()
    assert app.map("presidio", {"not": "its shape"}).status_code == 422
    app.map("presidio", "US_SSN")
    wait_until(lambda: compared(app, shadow) == {"agreed": 1})
