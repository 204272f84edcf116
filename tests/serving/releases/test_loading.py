"""A release is asked golden probes before it serves, and closed again where it does not know them."""

from collections.abc import Callable
from pathlib import Path

from serving_app import App
from swapping import UNSEEN, Engines, Maker, point, readiness, serves, wait_until

from mapper_domain.layout import Layout


def test_a_model_that_says_what_it_said_when_it_was_judged_serves(
    tmp_path: Path, made: Maker, start: Callable[[], App]
) -> None:
    app = start()
    release = made("JAILBREAK.Attempt knows", agreed=True)
    point(Layout(tmp_path), release)
    wait_until(serves(app, release))
    assert app.map("presidio", UNSEEN).json()["taxonomy"] == ["JAILBREAK.Attempt"]


def test_a_model_that_is_not_the_one_judged_is_refused_and_closed(
    tmp_path: Path, made: Maker, start: Callable[[], App], engines: Engines
) -> None:
    app = start()
    point(Layout(tmp_path), made("JAILBREAK.Attempt", agreed=True))
    wait_until(lambda: "to 0 of 8 golden probes" in str(readiness(app)["refused"]))
    assert readiness(app)["mode"] == "rules"
    wait_until(lambda: all(engine.closed for engine in engines.alive))


def test_a_model_that_fails_at_its_probes_is_refused(tmp_path: Path, made: Maker, start: Callable[[], App]) -> None:
    app = start()
    point(Layout(tmp_path), made("JAILBREAK.Attempt fails", agreed=True))
    wait_until(lambda: "golden probes" in str(readiness(app)["refused"]))
    assert app.metric('mapper_release_refused_total{reason="mismatch"}') == 1
