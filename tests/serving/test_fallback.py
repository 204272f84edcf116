"""The ladder over HTTP: model, retriever alone, rules, earlier answer, unknown; each fallback counted once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving_app import App, FakeScorer, running_app, undecided, with_model

from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Answer
from mapper_serving.releases.routing import Routing
from mapper_serving.state import Serving

UNSEEN = "spear_phishing_lure_v2"
ALIAS = "Social Security Number"
"""No detector of the tests says so; the taxonomy knows the name."""


@pytest.fixture
def scorer(catalog: Catalog) -> FakeScorer:
    """A model that is sure of one unseen label."""
    return FakeScorer([label.name for label in catalog.taxonomy.labels], {UNSEEN: "JAILBREAK.Attempt"})


@pytest.fixture
def retriever(scorer: FakeScorer) -> FakeScorer:
    """A retriever that has no opinion of its own."""
    return undecided(scorer.labels)


@pytest.fixture
def start(tmp_path: Path, catalog: Catalog, scorer: FakeScorer, retriever: FakeScorer) -> Callable[..., object]:
    """Starts an application over the two voices."""

    @contextmanager
    def begin(**settings: object) -> Iterator[App]:
        with running_app(tmp_path, with_model(catalog, scorer, retriever, queue=2), **settings) as app:
            yield app

    return begin


def fallbacks(app: App) -> dict[str, float]:
    reasons = ("timeout", "overloaded", "error", "low-confidence", "no-release")
    found = {reason: app.metric(f'mapper_fallbacks_total{{reason="{reason}"}}') for reason in reasons}
    return {reason: count for reason, count in found.items() if count}


def test_an_unseen_label_is_answered_by_the_model_and_asked_once(start: Callable[..., App], scorer: FakeScorer) -> None:
    with start() as app:
        first = app.map("presidio", UNSEEN)
        second = app.map("presidio", UNSEEN)
        assert first.json()["taxonomy"] == second.json()["taxonomy"] == ["JAILBREAK.Attempt"]
        assert first.json()["provenance"]["route"] == "model"
        assert first.json()["provenance"]["model"] == first.headers["X-Release"] == "0123456789abcdef"
        assert first.json()["confidence"] == pytest.approx(0.9)
        assert len(scorer.questions) == 1
        assert fallbacks(app) == {}
        assert app.metric('mapper_model_calls_total{outcome="answered"}') == 1


def test_a_label_of_the_detectors_own_vocabulary_needs_no_model(start: Callable[..., App], scorer: FakeScorer) -> None:
    with start() as app:
        assert app.map("presidio", "us-ssn").json()["taxonomy"] == ["PII.Identifier.SSN"]
        assert scorer.questions == []


def test_a_preloaded_answer_is_given_as_it_was_computed(tmp_path: Path, catalog: Catalog, scorer: FakeScorer) -> None:
    prepared = Answer(
        labels=("PII.Identifier.SSN",), scores={"PII.Identifier.SSN": 0.87}, confidence=0.87, route="model"
    )
    serving = with_model(catalog, scorer)
    known = Serving(**{**vars_of(serving), "known": {("presidio", None, "US_SSN"): prepared}})
    with running_app(tmp_path, known) as app:
        event = app.map("presidio", "US_SSN").json()
        assert (event["confidence"], event["provenance"]["route"]) == (0.87, "model")
        assert scorer.questions == []
        assert app.metric('mapper_lookups_total{found="known"}') == 1


def test_an_unsure_model_leaves_the_answer_to_the_rules(start: Callable[..., App], scorer: FakeScorer) -> None:
    scorer.sure = 0.3
    with start() as app:
        event = app.map("gitleaks", ALIAS).json()
        assert (event["taxonomy"], event["provenance"]["route"]) == (["PII.Identifier.SSN"], "rules")
        assert fallbacks(app) == {"low-confidence": 1}


def test_an_unsure_model_without_rules_is_unknown_and_notes_its_guess(
    start: Callable[..., App], scorer: FakeScorer
) -> None:
    scorer.sure = 0.4
    with start() as app:
        event = app.map("presidio", UNSEEN).json()
        assert (event["taxonomy"], event["confidence"]) == (["OTHER.Unknown"], 0.0)
        assert event["notes"].startswith("Best guess JAILBREAK.Attempt at 0.40")
        assert app.metric("mapper_unknown_total") == 1


def test_a_model_that_fails_is_asked_again_more_briefly(start: Callable[..., App], scorer: FakeScorer) -> None:
    def fail_on_long(question: str) -> None:
        if "Meaning:" in question:
            raise RuntimeError("out of memory")

    scorer.fails = fail_on_long
    with start() as app:
        event = app.map("presidio", UNSEEN, metadata={"description": "an e-mail that lures one person"}).json()
        assert event["provenance"]["route"] == "model"
        long, short = scorer.questions
        assert "(pii)" in long
        assert "(pii)" not in short
        assert fallbacks(app) == {}


def test_a_model_that_fails_twice_leaves_it_to_rules_then_to_nobody(
    start: Callable[..., App], scorer: FakeScorer
) -> None:
    scorer.fails = _fail
    with start() as app:
        assert app.map("gitleaks", ALIAS).json()["provenance"]["route"] == "rules"
        assert app.map("presidio", UNSEEN).json()["provenance"]["route"] == "unknown"
        assert fallbacks(app) == {"error": 2}
        assert app.metric('mapper_model_calls_total{outcome="error"}') == 2
        assert len(scorer.questions) == 4


def test_an_earlier_answer_stands_in_for_a_failing_model(
    tmp_path: Path, catalog: Catalog, scorer: FakeScorer, start: Callable[..., App]
) -> None:
    with start() as app:
        app.map("presidio", UNSEEN)
        releases = app.http.app.state.service.releases
        scorer.fails = _fail
        releases.routing = Routing(with_model(catalog, scorer))
        event = app.map("presidio", UNSEEN).json()
        assert (event["taxonomy"], event["provenance"]["route"]) == (["JAILBREAK.Attempt"], "cache")
        assert fallbacks(app) == {"error": 1}


def test_a_failed_answer_is_not_remembered(start: Callable[..., App], scorer: FakeScorer) -> None:
    scorer.fails = _fail
    with start() as app:
        assert app.map("presidio", UNSEEN).json()["provenance"]["route"] == "unknown"
        scorer.fails = lambda _question: None
        assert app.map("presidio", UNSEEN).json()["provenance"]["route"] == "model"


def test_a_slow_model_is_not_waited_for_beyond_the_deadline(start: Callable[..., App], scorer: FakeScorer) -> None:
    scorer.gate = threading.Event()
    with start(deadline_seconds=0.1) as app:
        event = app.map("gitleaks", ALIAS).json()
        assert (event["taxonomy"], event["provenance"]["route"]) == (["PII.Identifier.SSN"], "rules")
        assert fallbacks(app) == {"timeout": 1}
        scorer.gate.set()


def test_a_full_queue_is_not_joined(start: Callable[..., App], scorer: FakeScorer) -> None:
    scorer.gate = threading.Event()
    with start(deadline_seconds=20) as app, ThreadPoolExecutor(3) as callers:
        answers = [callers.submit(app.map, "presidio", label) for label in ("one_thing", "another_thing", "a_third")]
        done, waiting = wait(answers, return_when=FIRST_COMPLETED, timeout=10)
        assert (len(done), len(waiting)) == (1, 2)
        assert fallbacks(app) == {"overloaded": 1}
        scorer.gate.set()
        assert {answer.result().status_code for answer in answers} == {200}
        assert fallbacks(app) == {"overloaded": 1}


def test_a_label_nobody_knows_is_to_be_sent_again_when_too_many_wait(
    start: Callable[..., App], scorer: FakeScorer, retriever: FakeScorer
) -> None:
    scorer.gate = threading.Event()
    retriever.fails = _fail
    with start(deadline_seconds=20) as app, ThreadPoolExecutor(3) as callers:
        answers = [callers.submit(app.map, "presidio", label) for label in ("one_thing", "another_thing", "a_third")]
        done, waiting = wait(answers, return_when=FIRST_COMPLETED, timeout=10)
        busy = [answer.result() for answer in done]
        items = [{"detector": "presidio", "output": label} for label in ("US_SSN", "a_fourth")]
        batch = app.http.post("/map/batch", json={"items": items}, headers=app.acme)
        by_rules = app.map("gitleaks", ALIAS)
        scorer.gate.set()
        assert {answer.result().status_code for answer in waiting} == {200}
        assert [(one.status_code, one.json()["code"], one.json()["retryable"]) for one in busy] == [
            (429, "engine-busy", True)
        ]
        assert int(busy[0].headers["Retry-After"]) >= 1
        assert [item["status"] for item in batch.json()["items"]] == [200, 429]
        assert by_rules.json()["provenance"]["route"] == "rules"
        app.ship()
        assert app.rejections() == ["engine-busy"] * 2


def test_many_who_ask_the_same_at_one_time_cost_one_question(start: Callable[..., App], scorer: FakeScorer) -> None:
    scorer.gate = threading.Event()
    with start(deadline_seconds=20) as app, ThreadPoolExecutor(6) as callers:
        answers = [callers.submit(app.map, "presidio", UNSEEN) for _ in range(6)]
        wait(answers, timeout=0.5)
        scorer.gate.set()
        assert {answer.result().json()["taxonomy"][0] for answer in answers} == {"JAILBREAK.Attempt"}
        assert len(scorer.questions) == 1
        assert app.metric('mapper_model_calls_total{outcome="answered"}') == 1


def test_nothing_but_signs_is_no_question(start: Callable[..., App], scorer: FakeScorer) -> None:
    with start() as app:
        assert app.map("presidio", "***").json()["taxonomy"] == ["OTHER.Unknown"]
        assert scorer.questions == []


def test_in_rules_mode_every_label_the_rules_lack_is_a_fallback_counted_once(app: App) -> None:
    for _ in range(2):
        app.map("presidio", UNSEEN)
    assert fallbacks(app) == {"no-release": 1}


def test_several_findings_become_one_event_without_safe_beside_a_harm(start: Callable[..., App]) -> None:
    with start() as app:
        findings = [
            {"entity_type": "US_SSN", "score": 0.9, "start": 0, "end": 1},
            {"entity_type": "EMAIL_ADDRESS", "score": 0.8, "start": 2, "end": 3},
            {"entity_type": "US_SSN", "score": 0.7, "start": 4, "end": 5},
        ]
        event = app.map("presidio", findings).json()
        assert event["taxonomy"] == ["PII.Identifier.SSN", "PII.Contact.Email"]
        app.ship()
        assert app.events()[0]["source_label"] == "US_SSN | EMAIL_ADDRESS"


def vars_of(serving: Serving) -> dict[str, object]:
    return {name: getattr(serving, name) for name in ("catalog", "rules", "versions", "words", "trust", "engine")}


def _fail(_question: str) -> None:
    raise RuntimeError("no memory for secret-question")
