"""Detectors that no YAML describes: what they may send, what is stored of their name, and refusing them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving_app import App, FakeScorer, running_app, with_model

from mapper_domain.catalog import Catalog

LURE, THREAT = "JAILBREAK.Attempt", "HARM.SPEECH.Threat"


@pytest.fixture
def adapter(catalog: Catalog) -> FakeScorer:
    """A model that is sure of two labels."""
    return FakeScorer([label.name for label in catalog.taxonomy.labels], {"lure": LURE, "menace": THREAT})


@pytest.fixture
def start(tmp_path: Path, catalog: Catalog, adapter: FakeScorer) -> Callable[..., object]:
    """Starts an application over the model."""

    @contextmanager
    def begin(**settings: object) -> Iterator[App]:
        with running_app(tmp_path, with_model(catalog, adapter), **settings) as app:
            yield app

    return begin


@pytest.mark.parametrize(
    ("output", "labels", "questions"),
    [
        ("lure", [LURE], ["lure"]),
        (["lure", "menace"], [LURE, THREAT], ["lure", "menace"]),
        ({"label": "lure", "score": 0.9}, [LURE], ["lure"]),
        (
            [{"label": "lure", "description": "baits one person"}, {"label": "menace", "field": "reply"}],
            [LURE, THREAT],
            ["lure, Meaning: baits one person", "menace"],
        ),
        ([{"label": "lure", "score": 0.2}, "menace"], [LURE, THREAT], ["lure", "menace"]),
        ([], ["OTHER.Safe"], []),
    ],
)
def test_it_sends_labels_or_objects_with_a_label_and_may_describe_them(
    start: Callable[..., App], adapter: FakeScorer, output: object, labels: list[str], questions: list[str]
) -> None:
    with start() as app:
        event = app.map("our-new-guard", output, detector_version="1.2").json()
        assert event["taxonomy"] == labels
        assert (event["provenance"]["detector_version"], event["provenance"]["vendor"]) == ("1.2", "")
        assert [question.partition("Output: ")[2] for question in adapter.questions] == questions
        assert all("Detector: our-new-guard, " in question for question in adapter.questions)


@pytest.mark.parametrize(
    "output",
    [
        {"label": "lure", "description": "x" * 501},
        {"label": "lure", "description": 7},
        {"label": "lure", "field": "x" * 65},
        {"label": "lure", "text": "what was scanned"},
        7,
    ],
)
def test_anything_else_is_refused(start: Callable[..., App], output: object) -> None:
    with start() as app:
        response = app.map("our-new-guard", output)
        assert (response.status_code, response.json()["code"]) == (422, "unreadable-output")


@pytest.mark.parametrize("name", ["our-new-guard", "toxicity-classifier-v2", "acme-sentinel"])
def test_a_name_of_known_words_is_stored(start: Callable[..., App], name: str) -> None:
    with start() as app:
        stored = app.map(name, "lure").json()["provenance"]["detector"]
    assert (stored == name) is (name != "acme-sentinel")


@pytest.mark.parametrize("name", ["hunter2", "JaneDoe", "correct-horse-battery-staple", "Tr0ub4dor", "swordfish"])
def test_a_name_that_might_be_anything_is_stored_as_a_hash_that_only_its_tenant_can_compare(
    start: Callable[..., App], name: str
) -> None:
    with start() as app:
        first, second = (app.map(name, "lure").json()["provenance"]["detector"] for _ in range(2))
        other = app.map(name, "lure", headers=app.globex).json()["provenance"]["detector"]
        assert first == second != other
        assert first.startswith("unlisted-")
        app.ship()
        assert name not in repr(app.events())


def test_a_name_the_tenant_expects_is_stored(tmp_path: Path, catalog: Catalog, adapter: FakeScorer) -> None:
    with running_app(tmp_path, with_model(catalog, adapter), expected=("presidio", "acme-swordfish")) as app:
        assert app.map("acme-swordfish", "lure").json()["provenance"]["detector"] == "acme-swordfish"
        assert (
            app.map("acme-swordfish", "lure", headers=app.globex).json()["provenance"]["detector"] != "acme-swordfish"
        )


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("our-new-guard", "No YAML describes this detector."),
        ("presidoi", "No YAML describes this detector; was presidio meant?"),
    ],
)
def test_the_event_says_so_and_asks_whether_a_similar_one_was_meant(
    start: Callable[..., App], name: str, note: str
) -> None:
    with start() as app:
        assert app.map(name, "lure").json()["notes"] == note
        unsure = app.map(name, "nobody knows").json()["notes"]
        assert unsure.endswith(note)


def test_where_they_are_refused_the_nearest_known_ones_are_named(start: Callable[..., App]) -> None:
    with start(unknown_detectors="refuse") as app:
        problem = app.map("detect-secret", "lure").json()
        assert (problem["status"], problem["code"], problem["retryable"]) == (404, "unknown-detector", False)
        assert "detect-secrets" in problem["detail"]
        assert "detect-secret," not in problem["detail"]
