"""Real voices behind `/map`: loaded from a release, swapped under load, and never a reason to be down."""

import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from release_maker import make_release, point_at
from serving_app import REPOSITORY, App, running_app

from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust, decide
from mapper_domain.layout import Layout
from mapper_domain.question import Question
from mapper_domain.voices import Opinion, fuse
from mapper_model.retriever import Retriever
from mapper_model.scorer import LabelScorer
from mapper_serving.state import Serving

pytestmark = pytest.mark.slow

UNSEEN = ("spear_phishing_lure", "us_driving_licence_scan", "wire_transfer_request", "insulting_nickname")


@pytest.fixture
def layout(tmp_path: Path, base_model: Path) -> Layout:
    """A fresh artefact root with the real base model in it."""
    layout = Layout(tmp_path)
    layout.base_model(base_model.name).parent.mkdir(parents=True)
    layout.base_model(base_model.name).symlink_to(base_model)
    return layout


def wait_for(app: App, release: str) -> None:
    end = time.monotonic() + 120
    while app.http.get("/readyz").json()["release"] != release:
        assert time.monotonic() < end, app.http.get("/readyz").json()
        time.sleep(0.1)


def test_the_service_answers_as_the_two_voices_fused_would_and_swaps_without_dropping_a_request(
    layout: Layout, base_model: Path, tiny_adapter: Path, tiny_retriever: Path, catalog: Catalog, rules: Serving
) -> None:
    releases = [
        make_release(layout, REPOSITORY, tiny_adapter, tiny_retriever, base_model, catalog=catalog, seed=n)
        for n in (1, 2)
    ]
    labels = [label.name for label in catalog.taxonomy.labels]
    adapter, retriever = LabelScorer.load(base_model, tiny_adapter, labels), Retriever.load(tiny_retriever)
    with running_app(layout.root, rules, release_poll_seconds=0.1, deadline_seconds=60) as app:
        point_at(layout, releases[0])
        wait_for(app, releases[0])
        for label in UNSEEN:
            event = app.map("presidio", label, metadata={"description": "made up"}).json()
            question = Question(detector="presidio", label=label, kind="pii", description="made up")
            opinion: Opinion = {
                "adapter": adapter.score([question.instruction])[0],
                "retriever": retriever.score([question])[0],
            }
            rule = rules.rules.find("presidio", label)
            expected = decide(rule, fuse(opinion, Trust().weights), trust=Trust())
            assert (event["taxonomy"], event["provenance"]["route"]) == (list(expected.labels), expected.route)
            assert event["confidence"] == pytest.approx(expected.confidence, abs=1e-3)
        answers = under_load(app, lambda: swap(layout, app, releases[1]))
    assert {status for status, _, _ in answers} == {200}
    assert all(header == model for _, header, model in answers)
    assert {header for _, header, _ in answers} == set(releases)


def swap(layout: Layout, app: App, release: str) -> None:
    point_at(layout, release)
    wait_for(app, release)


def under_load(app: App, act: Callable[[], None]) -> list[tuple[int, str, str]]:
    """Statuses and releases of all requests sent from before `act` begins until after it has ended."""
    answers: list[tuple[int, str, str]] = []
    stop = threading.Event()

    def caller() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            label = f"{UNSEEN[number % len(UNSEEN)]}_{number}" if number % 5 == 0 else "US_SSN"
            response = app.map("presidio", label)
            model = response.json()["provenance"]["model"]
            answers.append((response.status_code, response.headers["X-Release"], model))

    callers = [threading.Thread(target=caller) for _ in range(2)]
    for thread in callers:
        thread.start()
    act()
    enough = len(answers) + 10
    while len(answers) < enough:
        time.sleep(0.05)
    stop.set()
    for thread in callers:
        thread.join()
    return answers


@pytest.mark.parametrize(
    ("voice", "reason"),
    [("adapter", "cannot be loaded over its base model"), ("retriever", "The retriever cannot be loaded")],
)
def test_a_voice_that_cannot_be_loaded_leaves_the_service_in_rules_mode(
    layout: Layout,
    base_model: Path,
    tiny_adapter: Path,
    tiny_retriever: Path,
    catalog: Catalog,
    rules: Serving,
    tmp_path: Path,
    voice: str,
    reason: str,
) -> None:
    voices = {"adapter": tiny_adapter, "retriever": tiny_retriever}
    broken = Path(shutil.copytree(voices[voice], tmp_path / "broken"))
    for weights in broken.glob("*.safetensors"):
        weights.write_bytes(b"not safetensors")
    voices[voice] = broken
    release = make_release(layout, REPOSITORY, voices["adapter"], voices["retriever"], base_model, catalog=catalog)
    point_at(layout, release)
    with running_app(layout.root, rules, release_poll_seconds=0.1) as app:
        end = time.monotonic() + 120
        while not (state := app.http.get("/readyz").json())["refused"]:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert (state["status"], state["mode"]) == ("ready", "rules")
        assert reason in state["refused"]
        assert app.map("presidio", "US_SSN").json()["provenance"]["route"] == "rules"
