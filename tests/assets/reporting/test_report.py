import hashlib

import pandas as pd
import pytest
from segments import DAY, TENANT, Recorder, Said, write_events, write_ledger

from mapper_assets.reporting import counts
from mapper_assets.reporting.bundle import compose
from mapper_assets.reporting.manifest import read_day
from mapper_assets.reporting.report import Report, draw
from mapper_assets.reporting.segments import read_events
from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout


def report(layout: Layout, catalog: Catalog) -> Report:
    return compose(read_day(layout, TENANT, DAY), catalog)[0]


def test_counts_by_label_detector_route_and_code(day: Layout, small: Catalog) -> None:
    found = report(day, small)
    assert {row.name: row.events for row in found.by_detector} == {
        "deberta-toxicity": 3,
        "detect-secrets": 4,
        "presidio": 3,
    }
    assert next(row.events for row in found.by_label if row.name == "OTHER.Safe") == 2
    assert sum(row.events for row in found.by_route) == 10
    assert {row.name for row in found.by_rejection} == {"unknown-detector", "malformed-body"}


def test_versions_name_everything_an_answer_depended_on(day: Layout, small: Catalog) -> None:
    kinds = {use.kind for use in report(day, small).versions}
    assert kinds == {
        "Taxonomy",
        "Frameworks and mapping set",
        "Release",
        "Model named by the event",
        "Detector mappings (catalogue SHA-256)",
        "Prompt",
        "Detector",
    }


def test_a_release_that_changed_during_the_day_shows_both(layout: Layout, small: Catalog) -> None:
    morning, evening = Recorder(small, release="a" * 16), Recorder(small, release="b" * 16)
    write_events(layout, [morning.record(Said("presidio", None, 60))])
    evening.last = 1
    write_events(layout, [evening.record(Said("presidio", None, 70_000))])
    write_ledger(layout, TENANT, DAY, 2)
    releases = {use.value: use.events for use in report(layout, small).versions if use.kind == "Release"}
    assert releases == {"a" * 16: 1, "b" * 16: 1}


def test_the_fallback_rate_counts_rules_where_a_model_was_asked(layout: Layout, small: Catalog) -> None:
    """Safe events need no model; without a release nobody asks one."""
    asked, alone = Recorder(small), Recorder(small, release="rules")
    said = [Said("presidio", "US_SSN", second) for second in range(3)]
    write_events(layout, [*map(asked.record, said), asked.record(Said("presidio", None, 9))])
    alone.last = 4
    write_events(layout, [alone.record(Said("presidio", "US_SSN", 10))])
    events = read_events(layout, TENANT, DAY).frame
    fallback, _ = counts.rates(events)
    assert list(events["route"]) == ["model", "model", "rules", "rules", "model"]
    assert (fallback.part, fallback.whole) == (1, 3)


def test_rates_over_nothing_are_undefined(layout: Layout) -> None:
    rates = counts.rates(read_events(layout, TENANT, DAY).frame)
    assert [rate.value for rate in rates] == [None, None]
    assert [rate.text for rate in rates] == ["n/a (no events)"] * 2


def test_the_unknown_rate_counts_answers_nobody_gave(day: Layout, small: Catalog) -> None:
    unknown = report(day, small).rates[1]
    assert (unknown.part, unknown.whole, unknown.text) == (1, 10, "10.0 %")


@pytest.mark.parametrize(("confidence", "tenth"), [(0.0, 0), (0.1, 1), (0.3, 3), (0.6, 6), (0.99, 9), (1.0, 9)])
def test_confidence_is_counted_by_tenths_with_a_closed_end(confidence: float, tenth: int) -> None:
    bins = counts.confidences(pd.DataFrame({"confidence": [confidence]}))
    assert [row.events for row in bins] == [int(n == tenth) for n in range(10)]


def test_lag_is_the_time_from_the_event_to_its_durable_record(day: Layout, small: Catalog) -> None:
    lag = report(day, small).lag
    assert lag is not None
    assert (lag.median, lag.p99, lag.greatest) == (0.04, 0.04, 0.04)


def test_an_auditor_can_draw_the_sample_again() -> None:
    ids = [f"event-{n}" for n in range(100)]
    again = sorted(ids, key=lambda event: hashlib.sha256(b"seed" + event.encode()).hexdigest())[:25]
    assert list(draw(ids, "seed")) == again
    assert draw(list(reversed(ids)), "seed") == draw(ids, "seed")
    assert draw(ids, "another seed") != draw(ids, "seed")


def test_content_is_the_same_whatever_revision_says_it(day: Layout, small: Catalog) -> None:
    first = report(day, small)
    assert first.revised(7, None).content_sha256 == first.content_sha256
    assert first.revised(7, None).status == "AMENDED"


def test_nothing_claims_a_verdict_or_a_score(day: Layout, small: Catalog) -> None:
    fields = " ".join([*Report.model_json_schema()["properties"], report(day, small).model_dump_json()]).lower()
    assert "compliant" not in fields
    assert "score" not in fields
