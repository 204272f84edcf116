"""A canary answers its share, costs no caller anything when it fails, and goes by itself and stays away."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from serving_app import App
from swapping import UNSEEN, Engines, Maker, point, readiness, serves, trial, wait_until

from mapper_domain.layout import Layout
from mapper_domain.release import Canary, Shadow

OLD, NEW = "JAILBREAK.Attempt", "HARM.SPEECH.Threat"
MANY = [f"{UNSEEN}_{number}" for number in range(40)]


@pytest.fixture
def try_out(tmp_path: Path, made: Maker, start: Callable[..., App]) -> Callable[..., tuple[App, str, str]]:
    """Starts an application in which a release serves and another one is its canary."""

    def begin(new: str = NEW, share: float = 1.0, **settings: object) -> tuple[App, str, str]:
        app = start(**settings)
        stable, canary = made(OLD), made(new)
        point(Layout(tmp_path), stable, canary=Canary(release=canary, share=share))
        wait_until(serves(app, stable))
        wait_until(lambda: trial(app, "canary")["state"] == "serving")
        return app, stable, canary

    return begin


def releases_of(app: App, labels: list[str]) -> list[str]:
    """Which release answers each label; every answer is wholly from it."""
    found = []
    for label in labels:
        response = app.map("presidio", label)
        assert response.status_code == 200
        assert response.headers["X-Release"] == response.json()["provenance"]["model"]
        found.append(response.headers["X-Release"])
    return found


def test_a_canary_answers_its_share_and_always_the_same_one(try_out: Callable[..., tuple[App, str, str]]) -> None:
    app, stable, canary = try_out(share=0.5)
    first = releases_of(app, MANY)
    assert set(first) == {stable, canary}
    assert releases_of(app, MANY) == first
    assert app.metric(f'mapper_release_role_info{{release="{canary}",role="canary"}}') == 1
    assert app.metric(f'mapper_release_answers_total{{outcome="answered",release="{canary}"}}') == 2 * first.count(
        canary
    )


def test_an_item_of_a_batch_goes_where_it_would_go_alone_and_says_so(
    try_out: Callable[..., tuple[App, str, str]],
) -> None:
    app, stable, _ = try_out(share=0.5)
    alone = releases_of(app, MANY)
    items = [{"detector": "presidio", "output": label} for label in MANY]
    response = app.http.post("/v1/map:batch", json={"items": items}, headers=app.acme)
    answer = response.json()
    assert [item["event"]["provenance"]["model"] for item in answer["items"]] == alone
    named = [item.get("version_info", answer["version_info"])["release"] for item in answer["items"]]
    assert named == alone
    assert response.headers["X-Release"] == answer["version_info"]["release"] == stable


def test_a_canary_that_leaves_too_much_to_the_rules_goes_and_stays_away(
    tmp_path: Path, try_out: Callable[..., tuple[App, str, str]]
) -> None:
    app, stable, canary = try_out(new=f"{NEW} fails", canary_least=20)
    answered = releases_of(app, MANY)
    assert answered == [canary] * 20 + [stable] * 20
    assert trial(app, "canary") == {
        "role": "canary",
        "release": canary,
        "share": 1.0,
        "state": "stopped",
        "reason": "Its model left 20 of its last 20 questions to the rules.",
    }
    assert app.metric('mapper_canary_stops_total{bound="fallback"}') == 1
    assert app.metric(f'mapper_release_role_info{{release="{canary}",role="canary"}}') == 0
    assert app.metric(f'mapper_release_fallbacks_total{{reason="error",release="{canary}"}}') == 20
    point(Layout(tmp_path), stable, canary=Canary(release=canary, share=1.0))
    assert releases_of(app, [f"again_{number}" for number in range(20)]) == [stable] * 20
    assert readiness(app)["status"] == "ready"


def test_the_engine_of_a_canary_that_went_is_closed(
    try_out: Callable[..., tuple[App, str, str]], engines: Engines
) -> None:
    app, _, _ = try_out(new=f"{NEW} fails", canary_least=5)
    releases_of(app, MANY[:10])
    wait_until(lambda: len(engines.alive) == 1)


def test_a_stopped_canary_serves_again_only_when_it_is_asked_for_again(
    tmp_path: Path, try_out: Callable[..., tuple[App, str, str]], start: Callable[..., App]
) -> None:
    app, stable, canary = try_out(new=f"{NEW} fails", canary_least=5)
    releases_of(app, MANY[:10])
    app.http.__exit__()
    restarted = start(canary_least=1_000)
    wait_until(serves(restarted, stable))
    wait_until(lambda: trial(restarted, "canary").get("state") == "stopped")
    assert releases_of(restarted, MANY[:5]) == [stable] * 5
    asked_again = Canary(release=canary, share=1.0, since=datetime.now(UTC))
    point(Layout(tmp_path), stable, canary=asked_again)
    wait_until(lambda: trial(restarted, "canary")["state"] == "serving")
    assert releases_of(restarted, MANY[:5]) == [canary] * 5


def test_a_slow_canary_is_judged_by_the_answers_it_did_not_give_in_time(
    try_out: Callable[..., tuple[App, str, str]],
) -> None:
    app, _, _ = try_out(new=f"{NEW} dawdles", canary_least=5, deadline_seconds=0.05)
    releases_of(app, MANY[:6])
    assert trial(app, "canary")["state"] == "stopped"


@pytest.mark.parametrize(
    ("spoil", "kind", "reason"),
    [
        ({"says": "rubbish"}, "mismatch", "distribution over the labels"),
        ({"says": "explode"}, "unreadable", "ZeroDivisionError"),
        ({"adapter_rank": 8}, "mismatch", "the manifest says 8"),
        ({"base_model": {"name": "small-base", "sha256": "0" * 64}}, "mismatch", "not the one it was trained on"),
        ({"catalog_sha256": "0" * 64}, "corrupt", "not the one that was evaluated"),
    ],
)
def test_a_bad_release_is_tried_neither_as_canary_nor_as_shadow(
    tmp_path: Path, made: Maker, start: Callable[..., App], spoil: dict[str, object], kind: str, reason: str
) -> None:
    app = start()
    stable, bad = made(OLD), made(**{"says": NEW, **spoil})  # type: ignore[arg-type]
    point(Layout(tmp_path), stable, canary=Canary(release=bad, share=1.0), shadow=Shadow(release=bad))
    for role in ("canary", "shadow"):
        wait_until(lambda role=role: trial(app, role).get("state") == "refused")  # type: ignore[misc]
        assert reason in str(trial(app, role)["reason"])
    assert (readiness(app)["release"], readiness(app)["refused"]) == (stable, "")
    assert app.metric(f'mapper_release_refused_total{{reason="{kind}"}}') == 1
    assert releases_of(app, MANY[:5]) == [stable] * 5


def test_a_release_that_is_not_there_is_not_tried_and_the_list_of_releases_says_so(
    tmp_path: Path, made: Maker, start: Callable[..., App]
) -> None:
    app, stable = start(), made(OLD)
    point(Layout(tmp_path), stable, canary=Canary(release="0123456789abcdef", share=0.5))
    wait_until(lambda: trial(app, "canary").get("state") == "refused")
    answer = app.http.get("/v1/releases", headers=app.acme).json()
    assert [(found["role"], found["versions"]["release"]) for found in answer["releases"]] == [("stable", stable)]
    assert answer["trials"][0]["state"] == "refused"
