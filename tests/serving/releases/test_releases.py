"""Releases: verified before they serve, swapped under load without mixing, refused with a reason when they are bad."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from release_maker import ADAPTER, RETRIEVER, point_at
from serving_app import App
from swapping import UNSEEN, readiness, serves, wait_until

from mapper_domain.layout import Layout


def test_a_release_is_picked_up_without_a_restart(
    tmp_path: Path, made: Callable[..., str], start: Callable[[], App]
) -> None:
    app = start()
    before = app.map("presidio", UNSEEN).json()["provenance"]
    assert (before["route"], before["model"]) == ("unknown", "rules")
    release = made("JAILBREAK.Attempt")
    point_at(Layout(tmp_path), release)
    wait_until(serves(app, release))
    response = app.map("presidio", UNSEEN)
    assert response.json()["taxonomy"] == ["JAILBREAK.Attempt"]
    assert response.headers["X-Release"] == response.json()["provenance"]["model"] == release
    assert readiness(app)["mode"] == "model"
    assert app.metric("mapper_release_swaps_total") == 1
    known = app.metric('mapper_lookups_total{found="known"}')
    assert app.map("presidio", "US_SSN").json()["taxonomy"] == ["PII.Identifier.SSN"]
    assert app.metric('mapper_lookups_total{found="known"}') == known + 1


def test_a_rollback_is_a_swap_like_any_other(
    tmp_path: Path, made: Callable[..., str], start: Callable[[], App]
) -> None:
    first, second = made("JAILBREAK.Attempt"), made("HARM.SPEECH.Threat")
    app = start()
    for release, label in ((first, "JAILBREAK.Attempt"), (second, "HARM.SPEECH.Threat"), (first, "JAILBREAK.Attempt")):
        point_at(Layout(tmp_path), release)
        wait_until(serves(app, release))
        assert app.map("presidio", UNSEEN).json()["taxonomy"] == [label]


def test_swaps_under_load_drop_nothing_and_mix_nothing(
    tmp_path: Path, made: Callable[..., str], start: Callable[[], App]
) -> None:
    labels = {made("JAILBREAK.Attempt"): "JAILBREAK.Attempt", made("HARM.SPEECH.Threat"): "HARM.SPEECH.Threat"}
    first, second = labels
    app = start()
    point_at(Layout(tmp_path), first)
    wait_until(serves(app, first))
    going = True

    def caller() -> list[tuple[int, str, str, list[str]]]:
        seen = []
        while going:
            r = app.map("presidio", UNSEEN)
            event = r.json()
            seen.append((r.status_code, r.headers["X-Release"], event["provenance"]["model"], event["taxonomy"]))
        return seen

    with ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(caller) for _ in range(4)]
        for release in (second, first, second):
            point_at(Layout(tmp_path), release)
            wait_until(serves(app, release))
        going = False
        answers = [answer for future in callers for answer in future.result()]
    assert {release for _, release, _, _ in answers} == {first, second}
    assert all(
        status == 200 and release == model and label == [labels[release]] for status, release, model, label in answers
    )


def alter(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


SPOILED: dict[str, tuple[Callable[[Layout, Callable[..., str]], str], str, str]] = {
    "missing": (lambda layout, made: "0123456789abcdef", "missing", "has no manifest.json"),
    "altered adapter": (
        lambda layout, made: spoil(layout, made("HARM.SPEECH.Threat"), f"adapter/{ADAPTER}"),
        "corrupt",
        "missing or altered files: adapter/",
    ),
    "altered retriever": (
        lambda layout, made: spoil(layout, made("HARM.SPEECH.Threat"), f"retriever/{RETRIEVER}"),
        "corrupt",
        "missing or altered files: retriever/",
    ),
    "another retriever": (
        lambda layout, made: made("HARM.SPEECH.Threat", retriever_sha256="0" * 64),
        "corrupt",
        "does not have the retriever",
    ),
    "altered catalogue": (
        lambda layout, made: spoil(layout, made("HARM.SPEECH.Threat"), "catalog/taxonomy/taxonomy.yaml"),
        "corrupt",
        "missing or altered files: catalog/",
    ),
    "altered manifest": (
        lambda layout, made: swap_seed(layout, made("HARM.SPEECH.Threat")),
        "corrupt",
        "has the content of",
    ),
    "another catalogue": (
        lambda layout, made: made("HARM.SPEECH.Threat", catalog_sha256="0" * 64),
        "corrupt",
        "not the one that was evaluated",
    ),
    "another prompt": (
        lambda layout, made: made("HARM.SPEECH.Threat", prompt_version="0"),
        "mismatch",
        "trained on prompt 0",
    ),
    "another rank": (
        lambda layout, made: made("HARM.SPEECH.Threat", adapter_rank=8),
        "mismatch",
        "rank 16; the manifest says 8",
    ),
    "another base model": (
        lambda layout, made: made("HARM.SPEECH.Threat", base_model={"name": "small-base", "sha256": "0" * 64}),
        "mismatch",
        "not the one it was trained on",
    ),
    "no base model": (
        lambda layout, made: made("HARM.SPEECH.Threat", base_model={"name": "absent", "sha256": "0" * 64}),
        "missing",
        "is not prepared here",
    ),
    "a loader that fails in its own way": (lambda layout, made: made("explode"), "unreadable", "ZeroDivisionError"),
    "a model that does not load": (lambda layout, made: made("rubbish"), "mismatch", "distribution over the labels"),
}


def spoil(layout: Layout, release: str, name: str) -> str:
    alter(layout.releases / release / name)
    return release


def swap_seed(layout: Layout, release: str) -> str:
    path = layout.releases / release / "manifest.json"
    path.write_text(path.read_text().replace('"seed":', '"seed":9'))
    return release


@pytest.mark.parametrize("name", SPOILED)
def test_a_bad_release_is_refused_with_its_reason_and_the_last_good_one_serves(
    tmp_path: Path, made: Callable[..., str], start: Callable[[], App], name: str
) -> None:
    layout = Layout(tmp_path)
    good = made("JAILBREAK.Attempt")
    app = start()
    point_at(layout, good)
    wait_until(serves(app, good))
    make, kind, reason = SPOILED[name]
    point_at(layout, make(layout, made))
    wait_until(lambda: bool(readiness(app)["refused"]))
    state = readiness(app)
    assert reason in str(state["refused"])
    assert (state["status"], state["release"]) == ("ready", good)
    assert app.map("presidio", UNSEEN).json()["taxonomy"] == ["JAILBREAK.Attempt"]
    time.sleep(0.3)
    assert app.metric(f'mapper_release_refused_total{{reason="{kind}"}}') == 1
    point_at(layout, good)
    wait_until(lambda: not readiness(app)["refused"])


def test_a_broken_pointer_is_refused_too(tmp_path: Path, start: Callable[[], App]) -> None:
    app = start()
    layout = Layout(tmp_path)
    layout.releases.mkdir(parents=True)
    (layout.releases / "current.json").write_text("{")
    wait_until(lambda: "is not a release pointer" in str(readiness(app)["refused"]))
    assert app.map("presidio", "US_SSN").status_code == 200


def test_a_release_that_was_repaired_is_taken_after_a_while(
    tmp_path: Path, made: Callable[..., str], start: Callable[[], App]
) -> None:
    layout = Layout(tmp_path)
    release = made("JAILBREAK.Attempt")
    path = layout.releases / release / "adapter" / ADAPTER
    content = path.read_bytes()
    alter(path)
    point_at(layout, release)
    app = start()
    wait_until(lambda: bool(readiness(app)["refused"]))
    path.write_bytes(content)
    wait_until(serves(app, release))
    assert readiness(app)["refused"] == ""
