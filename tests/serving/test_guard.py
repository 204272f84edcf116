"""The privacy guard: what looks like content is reduced or refused by policy, and no label is taken for it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from serving_app import App, FakeScorer, running_app, with_model

from mapper_domain.catalog import Catalog
from mapper_serving.guard import Guard
from mapper_serving.settings import Settings
from mapper_serving.state import Serving
from mapper_serving.telemetry import Metrics

CONTENT = ("523-45-6789", "the patient was treated for asthma", "SmFuZSBEb2UsIGRpYWJldGlj")
Start = Callable[[str], AbstractContextManager[App]]


@pytest.fixture
def adapter(catalog: Catalog) -> FakeScorer:
    """A model that would answer anything."""
    return FakeScorer([label.name for label in catalog.taxonomy.labels], dict.fromkeys(CONTENT, "PII.Identifier.SSN"))


@pytest.fixture
def start(tmp_path: Path, catalog: Catalog, adapter: FakeScorer) -> Start:
    """Starts an application over the model with a content policy."""

    @contextmanager
    def begin(policy: str) -> Iterator[App]:
        with running_app(tmp_path, with_model(catalog, adapter), content_policy=policy) as app:
            yield app

    return begin


@pytest.mark.parametrize("content", CONTENT)
@pytest.mark.parametrize("detector", ["presidio", "our-new-guard"])
def test_reduced_a_label_is_a_keyed_hash_that_no_model_has_seen(
    start: Start, adapter: FakeScorer, detector: str, content: str
) -> None:
    with start("hash") as app:
        answers = [app.map(detector, content, headers) for headers in (app.acme, app.acme, app.globex)]
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        assert {tuple(answer.json()["taxonomy"]) for answer in answers} == {("OTHER.Unknown",)}
        assert adapter.questions == []
        assert app.metric('mapper_content_total{done="reduced",place="label"}') == 3
        app.ship()
        first, second, other = *app.events(), *app.events("globex")
    assert first["source_label"] is None
    assert first["source_label_hmac"] == second["source_label_hmac"] != other["source_label_hmac"]
    assert content not in repr(first)


def test_a_rule_still_answers_what_is_beside_it(start: Start) -> None:
    with start("hash") as app:
        event = app.map("our-new-guard", ["email address", CONTENT[0]]).json()
        assert event["taxonomy"] == ["PII.Contact.Email"]
        app.ship()
        assert app.events()[0]["source_label"] is None


@pytest.mark.parametrize(
    ("metadata", "asked"),
    [
        ({"description": "call 555-123-4567"}, "lure"),
        ({"description": "two\nlines"}, "lure"),
        ({"description": "tells what you would have had to do"}, "lure, Meaning: tells what you would have had to do"),
        ({"field": CONTENT[1]}, "lure"),
    ],
)
def test_reduced_metadata_is_left_out_and_a_sentence_may_describe_a_label(
    start: Start, adapter: FakeScorer, metadata: dict[str, str], asked: str
) -> None:
    with start("hash") as app:
        assert app.map("our-new-guard", "lure", metadata=metadata).status_code == 200
        described = [{"label": "lure", **metadata}]
        assert app.map("our-other-guard", described).status_code == 200
    assert [question.partition("Output: ")[2] for question in adapter.questions] == [asked, asked]
    assert not [question for question in adapter.questions if CONTENT[1] in question]


@pytest.mark.parametrize(
    "body",
    [
        *({"output": content} for content in CONTENT),
        {"output": ["lure", CONTENT[0]]},
        {"output": "US_SSN", "metadata": {"description": CONTENT[0]}},
        {"output": "US_SSN", "metadata": {"field": CONTENT[1]}},
        {"output": [{"label": "lure", "description": CONTENT[0]}]},
    ],
)
def test_refused_it_is_a_problem_that_repeats_nothing_and_counts_in_the_ledger(
    start: Start, adapter: FakeScorer, body: dict[str, object]
) -> None:
    with start("refuse") as app:
        sent = {"detector": "our-new-guard", **body}
        problem = app.http.post("/v1/map", json=sent, headers=app.acme)
        assert (problem.status_code, problem.json()["code"]) == (422, "content-refused")
        assert not [content for content in CONTENT if content in problem.text]
        items = app.http.post("/v1/map:batch", json={"items": [sent]}, headers=app.acme).json()["items"]
        assert items[0]["problem"]["code"] == "content-refused"
        assert adapter.questions == []
        app.ship()
        assert (app.events(), app.rejections()) == ([], ["content-refused", "content-refused"])


def test_no_label_of_any_detector_is_refused_whoever_sends_it(catalog: Catalog, rules: Serving) -> None:
    guard = Guard(Settings(content_policy="refuse"), Metrics())
    for detector in catalog.detectors:
        for mapping in detector.maps:
            assert not guard.is_content(mapping.label, detector.name, rules)
            assert not guard.is_content(mapping.label, "a-stranger", rules)


def test_what_a_detectors_yaml_has_is_no_content_however_it_reads(catalog: Catalog, rules: Serving) -> None:
    label = "your code was shared with the customer"
    detector = catalog.by_name["presidio"]
    own = detector.model_copy(update={"maps": (*detector.maps, detector.maps[0].model_copy(update={"label": label}))})
    rest = tuple(other for other in catalog.detectors if other.name != "presidio")
    serving = with_model(
        catalog.model_copy(update={"detectors": (own, *rest)}), FakeScorer(list(catalog.taxonomy.names))
    )
    guard = Guard(Settings(), Metrics())
    assert not guard.is_content(label, "presidio", serving)
    assert guard.is_content(label, "presidio", rules)
