"""Two voices over HTTP: multiplied where both are heard, the one that is heard alone where the other is not."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

import pytest
from serving_app import App, FakeScorer, running_app, with_model

from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust
from mapper_domain.voices import Weights

UNSEEN = "spear_phishing_lure_v2"
SAID = "JAILBREAK.Attempt"
TRUST = Trust(weights=Weights(adapter=1.0, retriever=1.0, together={"adapter": 1.0, "retriever": 1.0}))


@pytest.fixture
def adapter(catalog: Catalog) -> FakeScorer:
    """A model that is sure of one unseen label."""
    return FakeScorer([label.name for label in catalog.taxonomy.labels], {UNSEEN: SAID})


@pytest.fixture
def retriever(adapter: FakeScorer) -> FakeScorer:
    """A retriever that says the same, less surely."""
    return FakeScorer(adapter.labels, {UNSEEN: SAID}, sure=0.7)


@pytest.fixture
def start(tmp_path: Path, catalog: Catalog, adapter: FakeScorer, retriever: FakeScorer) -> Callable[..., object]:
    """Starts an application over the two voices."""

    @contextmanager
    def begin(trust: Trust = TRUST, **settings: object) -> Iterator[App]:
        serving = with_model(catalog, adapter, retriever, queue=2, trust=trust)
        with running_app(tmp_path, serving, **settings) as app:
            yield app

    return begin


def reasons(app: App) -> dict[str, float]:
    found = {
        reason: app.metric(f'mapper_fallbacks_total{{reason="{reason}"}}')
        for reason in ("timeout", "overloaded", "error", "low-confidence")
    }
    return {reason: count for reason, count in found.items() if count}


def answer(app: App, label: str = UNSEEN) -> tuple[list[str], float, str]:
    event = app.map("presidio", label).json()
    return event["taxonomy"], event["confidence"], event["provenance"]["route"]


def test_two_voices_that_agree_are_surer_than_either(start: Callable[..., App]) -> None:
    with start() as app:
        labels, confidence, route = answer(app)
        assert (labels, route, reasons(app)) == ([SAID], "model", {})
        assert confidence > 0.99


def test_weights_of_the_release_say_how_much_each_voice_counts(start: Callable[..., App]) -> None:
    deaf = Trust(weights=Weights(together={"adapter": 0.0, "retriever": 1.0}))
    with start(deaf) as app:
        assert answer(app) == ([SAID], pytest.approx(0.7), "model")


def test_two_voices_that_differ_leave_it_unknown(start: Callable[..., App], retriever: FakeScorer) -> None:
    retriever.says = {UNSEEN: "HARM.SPEECH.Threat"}
    retriever.sure = 0.9
    with start() as app:
        assert answer(app) == (["OTHER.Unknown"], 0.0, "unknown")
        assert reasons(app) == {"low-confidence": 1}


def test_where_the_adapter_fails_the_retriever_alone_answers(start: Callable[..., App], adapter: FakeScorer) -> None:
    adapter.fails = _fail
    with start() as app:
        assert answer(app) == ([SAID], pytest.approx(0.7), "model")
        assert reasons(app) == {"error": 1}
        assert app.metric('mapper_model_calls_total{outcome="error"}') == 1


def test_a_voice_heard_alone_has_its_own_weight(start: Callable[..., App], adapter: FakeScorer) -> None:
    adapter.fails = _fail
    with start(Trust(weights=Weights(retriever=0.5))) as app:
        assert answer(app)[0] == ["OTHER.Unknown"]


def test_where_the_retriever_fails_the_adapter_alone_answers(start: Callable[..., App], retriever: FakeScorer) -> None:
    retriever.fails = _fail
    with start() as app:
        assert answer(app) == ([SAID], pytest.approx(0.9), "model")
        assert reasons(app) == {"error": 1}


def test_where_the_adapter_is_late_the_retriever_alone_answers(start: Callable[..., App], adapter: FakeScorer) -> None:
    adapter.gate = threading.Event()
    with start(deadline_seconds=0.1) as app:
        assert answer(app) == ([SAID], pytest.approx(0.7), "model")
        assert reasons(app) == {"timeout": 1}
        adapter.gate.set()


def test_a_batch_that_has_used_up_its_time_is_still_answered_by_the_retriever(
    start: Callable[..., App], adapter: FakeScorer, retriever: FakeScorer
) -> None:
    adapter.gate = threading.Event()
    labels = [f"lure_{word}" for word in ("one", "two", "three")]
    retriever.says = dict.fromkeys(labels, SAID)
    with start(batch_deadline_seconds=0.1) as app:
        body = {"items": [{"detector": "presidio", "output": label} for label in labels]}
        items = app.http.post("/map/batch", json=body, headers=app.acme).json()["items"]
        assert [item["event"]["taxonomy"] for item in items] == [[SAID]] * 3
        assert reasons(app) == {"timeout": 3}
        assert len(adapter.questions) == 1
        adapter.gate.set()


def test_where_the_adapters_queue_is_full_the_retriever_alone_answers(
    start: Callable[..., App], adapter: FakeScorer, retriever: FakeScorer
) -> None:
    adapter.gate = threading.Event()
    labels = ("one_thing", "another_thing", "a_third")
    adapter.says = retriever.says = dict.fromkeys(labels, SAID)
    with start(deadline_seconds=20) as app, ThreadPoolExecutor(3) as callers:
        answers = [callers.submit(answer, app, label) for label in labels]
        done, waiting = wait(answers, return_when=FIRST_COMPLETED, timeout=10)
        assert [one.result() for one in done] == [([SAID], pytest.approx(0.7), "model")]
        assert len(waiting) == 2
        assert reasons(app) == {"overloaded": 1}
        adapter.gate.set()
        assert all(one.result()[1] > 0.99 for one in waiting)


def test_an_answer_of_one_voice_is_not_remembered_when_the_other_comes_back(
    start: Callable[..., App], adapter: FakeScorer
) -> None:
    adapter.fails = _fail
    with start() as app:
        assert answer(app)[1] == pytest.approx(0.7)
        adapter.fails = lambda _question: None
        assert answer(app)[1] > 0.99


def test_no_voice_calls_something_safe_unless_it_is_very_sure(
    start: Callable[..., App], adapter: FakeScorer, retriever: FakeScorer
) -> None:
    adapter.fails = _fail
    retriever.says = {"all_fine_1": "OTHER.Safe", "all_fine_2": "OTHER.Safe"}
    retriever.sure = 0.89
    with start() as app:
        assert answer(app, "all_fine_1")[0] == ["OTHER.Unknown"]
        retriever.sure = 0.91
        assert answer(app, "all_fine_2")[0] == ["OTHER.Safe"]


@pytest.mark.parametrize(("threshold", "labels"), [(0.3, [SAID]), (0.6, ["OTHER.Unknown"]), (None, ["OTHER.Unknown"])])
def test_the_threshold_of_a_detectors_yaml_is_the_one_that_counts(
    tmp_path: Path, catalog: Catalog, adapter: FakeScorer, threshold: float | None, labels: list[str]
) -> None:
    adapter.sure = 0.5
    detectors = [
        d.model_copy(update={"threshold": threshold}) if d.name == "presidio" else d for d in catalog.detectors
    ]
    changed = catalog.model_copy(update={"detectors": tuple(detectors)})
    with running_app(tmp_path, with_model(changed, adapter)) as app:
        assert answer(app)[0] == labels


def _fail(_question: str) -> None:
    raise RuntimeError("no memory for secret-question")
