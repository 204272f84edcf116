"""Model calls per thousand events fall as YAML is merged: the same traffic over a catalogue without it and with it."""

from pathlib import Path

import pytest
from serving_app import App, FakeScorer, running_app, with_model

from mapper_domain.catalog import Catalog
from mapper_serving.telemetry import Window

DETECTOR, LABELS = "presidio", ("US_SSN", "EMAIL_ADDRESS", "us-ssn", "spear_phishing_lure")
SERIES = "mapper_model_calls_per_thousand_events"


def calls(folder: Path, catalog: Catalog) -> tuple[float, float]:
    """The gauge, and the same from the counters, after the traffic."""
    adapter = FakeScorer([label.name for label in catalog.taxonomy.labels])
    with running_app(folder, with_model(catalog, adapter)) as app:
        assert app.metric(SERIES) == 0
        for label in LABELS:
            assert app.map(DETECTOR, label).status_code == 200
        return app.metric(SERIES), 1000 * total(app, "mapper_model_calls_total") / total(app, "mapper_answers_total")


def total(app: App, name: str) -> float:
    """Sum of all series of a counter."""
    lines = app.http.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name}{{"))


def test_merging_the_detectors_yaml_makes_them_fall(tmp_path: Path, catalog: Catalog) -> None:
    before = calls(tmp_path / "before", catalog.without([DETECTOR]))
    after = calls(tmp_path / "after", catalog)
    assert before == (750, 750)  # two spellings of one label are one question
    assert after == (250, 250)


def test_a_question_asked_before_costs_no_call(tmp_path: Path, catalog: Catalog) -> None:
    adapter = FakeScorer([label.name for label in catalog.taxonomy.labels])
    with running_app(tmp_path, with_model(catalog, adapter)) as app:
        for _ in range(4):
            app.map(DETECTOR, "spear_phishing_lure")
        assert app.metric(SERIES) == 250


@pytest.mark.parametrize(
    ("size", "counts", "mean"),
    [(3, [], 0), (3, [1], 1000), (3, [1, 0], 500), (3, [3, 0, 0], 1000), (3, [9, 1, 1, 1], 1000)],
)
def test_only_the_last_events_count(size: int, counts: list[int], mean: float) -> None:
    window = Window(size)
    for count in counts:
        window.add(count)
    assert window.per_thousand() == mean
