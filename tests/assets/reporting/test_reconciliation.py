"""Every way evidence can fail to add up, on real segments and ledgers."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from segments import (
    DAY,
    TENANT,
    Recorder,
    Said,
    rejections,
    tamper,
    write_events,
    write_ledger,
    write_rejections,
)

from mapper_assets.reporting.bundle import compose
from mapper_assets.reporting.manifest import build_manifest, read_day
from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout


def segments(layout: Layout) -> list[Path]:
    return sorted((layout.events / f"tenant={TENANT}" / f"day={DAY}").glob("*.parquet"))


def lose_a_segment(layout: Layout, _: Recorder) -> None:
    segments(layout)[0].unlink()


def alter_a_segment(layout: Layout, _: Recorder) -> None:
    tamper(segments(layout)[1])


def lose_the_ledger(layout: Layout, _: Recorder) -> None:
    (layout.ledgers / f"tenant={TENANT}" / f"day={DAY}" / "ledger.json").unlink()


def spoil_the_ledger(layout: Layout, _: Recorder) -> None:
    (layout.ledgers / f"tenant={TENANT}" / f"day={DAY}" / "ledger.json").write_text("{}")


def bring_another_days_ledger(layout: Layout, _: Recorder) -> None:
    ledger = write_ledger(layout, TENANT, "2026-11-20", 10, 2)
    ledger.rename(layout.ledgers / f"tenant={TENANT}" / f"day={DAY}" / "ledger.json")


def ledger_counts_more(layout: Layout, _: Recorder) -> None:
    write_ledger(layout, TENANT, DAY, 11, 2)


def ledger_counts_less(layout: Layout, _: Recorder) -> None:
    write_ledger(layout, TENANT, DAY, 9, 2)


def ledger_does_not_add_up(layout: Layout, _: Recorder) -> None:
    write_ledger(layout, TENANT, DAY, 10, 2, received=13)


def rejections_are_short(layout: Layout, _: Recorder) -> None:
    write_ledger(layout, TENANT, DAY, 10, 3)


def an_event_twice(layout: Layout, recorder: Recorder) -> None:
    recorder.last = 0
    write_events(layout, [recorder.record(Said("deberta-toxicity", "toxic", 8 * 3600))])


def a_sequence_gap(layout: Layout, recorder: Recorder) -> None:
    recorder.last = 11
    write_events(layout, [recorder.record(Said("deberta-toxicity", "toxic", 13 * 3600))])
    write_ledger(layout, TENANT, DAY, 11, 2)


def a_sequence_number_twice(layout: Layout, recorder: Recorder) -> None:
    recorder.last = 9
    write_events(layout, [recorder.record(Said("deberta-toxicity", "toxic", 13 * 3600))])
    write_ledger(layout, TENANT, DAY, 11, 2)


def a_row_of_another_tenant(layout: Layout, recorder: Recorder) -> None:
    other = Recorder(recorder.catalog, "globex")
    write_events(layout, [other.record(Said("deberta-toxicity", "threat", 60))], tenant=TENANT)


def a_row_of_another_day(layout: Layout, recorder: Recorder) -> None:
    other = Recorder(recorder.catalog, day="2026-11-22")
    write_events(layout, [other.record(Said("deberta-toxicity", "threat", 60))], day=DAY)


def a_rejection_twice(layout: Layout, _: Recorder) -> None:
    write_rejections(layout, rejections(TENANT, DAY, ["unknown-detector"]))


def a_route_nobody_knows(layout: Layout, recorder: Recorder) -> None:
    record = recorder.record(Said("presidio", "US_SSN", 13 * 3600))
    provenance = record.event.provenance.model_copy(update={"route": "magic"})
    write_events(
        layout, [record.model_copy(update={"event": record.event.model_copy(update={"provenance": provenance})})]
    )
    write_ledger(layout, TENANT, DAY, 11, 2)


BREAKS: list[tuple[Callable[[Layout, Recorder], None], str]] = [
    (lose_a_segment, "was listed before and is gone"),
    (alter_a_segment, "was altered"),
    (lose_the_ledger, "There is no ledger for this day"),
    (spoil_the_ledger, "ledger of this day cannot be read"),
    (bring_another_days_ledger, "day 2026-11-20"),
    (ledger_counts_more, "accepted = distinct event ids: expected 11, found 10"),
    (ledger_counts_less, "accepted = distinct event ids: expected 9, found 10"),
    (ledger_does_not_add_up, "received = accepted + rejected: expected 13, found 12"),
    (rejections_are_short, "rejected = rejection rows: expected 3, found 2"),
    (an_event_twice, "Event rows = distinct event ids: expected 11, found 10"),
    (a_sequence_gap, "Sequence numbers are 1 to accepted, each once: expected 11, found 10"),
    (a_sequence_number_twice, "Sequence numbers are 1 to accepted, each once: expected 11, found 9"),
    (a_rejection_twice, "Rejection rows = distinct rejection ids: expected 3, found 2"),
    (a_route_nobody_knows, "Events by route add up, every route known: expected 11, found 10"),
    (a_row_of_another_tenant, "Rows of another tenant or day: expected 0, found 1"),
    (a_row_of_another_day, "Rows of another tenant or day: expected 0, found 1"),
]


@pytest.mark.parametrize(("damage", "reason"), BREAKS, ids=[damage.__name__ for damage, _ in BREAKS])
def test_evidence_that_does_not_reconcile_makes_an_incomplete_report_with_the_reason(
    day: Layout, recorder: Recorder, small: Catalog, damage: Callable[[Layout, Recorder], None], reason: str
) -> None:
    build_manifest(day, TENANT, DAY)
    damage(day, recorder)
    report, tables = compose(read_day(day, TENANT, DAY), small)
    assert report.status == "INCOMPLETE"
    assert any(reason in text for text in report.reasons)
    assert b"False" in tables["reconciliation.csv"]


def test_rows_that_belong_elsewhere_are_in_no_table(day: Layout, recorder: Recorder, small: Catalog) -> None:
    a_row_of_another_tenant(day, recorder)
    _, tables = compose(read_day(day, TENANT, DAY), small)
    rows = list(csv.DictReader(io.StringIO(tables["events.csv"].decode(), newline="")))
    assert {row["tenant_id"] for row in rows} == {TENANT}
    assert len(rows) == 10


def test_a_sound_day_holds_in_every_check(day: Layout, small: Catalog) -> None:
    report, _ = compose(read_day(day, TENANT, DAY), small)
    assert [check.name for check in report.reconciliation if not check.holds] == []
    assert len(report.reconciliation) == 17


def test_a_gap_names_the_missing_numbers(day: Layout, small: Catalog) -> None:
    write_ledger(day, TENANT, DAY, 12, 2)
    report, _ = compose(read_day(day, TENANT, DAY), small)
    sequence = next(check for check in report.reconciliation if check.name.startswith("Sequence"))
    assert sequence.detail == "Missing: 11, 12."
