from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.checks import every_event_is_in_a_report, no_value_was_stored, only_bad_requests_were_refused
from demo.evidence import Report
from demo.failure import DemoFailed
from demo.traffic import Sent

ACCEPTED = Sent("2026-11-20/acme/001", "acme", "2026-11-20", 200, event_id="event-1")
REFUSED = Sent("2026-11-20/acme/refused-1", "acme", "2026-11-20", 404, problem="unknown-detector")


def report(day: str, *event_ids: str, status: str = "FINAL") -> Report:
    return Report("acme", day, Path("reports") / day, status, frozenset(event_ids))


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    path = tmp_path / "artifacts" / "segment.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({"event_id": ["event-1"]}), path)
    return path


def test_requests_meant_to_be_refused_may_be() -> None:
    assert "all 1 good requests" in only_bad_requests_were_refused([ACCEPTED, REFUSED])


def test_a_good_request_that_was_refused_fails() -> None:
    wrong = Sent("2026-11-20/acme/002", "acme", "2026-11-20", 422, problem="unreadable-output")
    with pytest.raises(DemoFailed, match=r"002 \(unreadable-output\)"):
        only_bad_requests_were_refused([ACCEPTED, wrong])


def test_acknowledged_events_are_looked_for_in_the_report_of_their_own_day() -> None:
    assert "all 1 acknowledged" in every_event_is_in_a_report([ACCEPTED, REFUSED], [report("2026-11-20", "event-1")])
    with pytest.raises(DemoFailed, match="event-1"):
        every_event_is_in_a_report([ACCEPTED], [report("2026-11-21", "event-1"), report("2026-11-20")])


def test_an_incomplete_report_fails() -> None:
    with pytest.raises(DemoFailed, match="INCOMPLETE"):
        every_event_is_in_a_report([ACCEPTED], [report("2026-11-20", "event-1", status="INCOMPLETE")])


def test_clean_folders_pass(segment: Path) -> None:
    assert "none of 1" in no_value_was_stored([segment.parent], {"invented-value"}, "event-1")


def test_a_stored_value_fails_and_names_the_file(segment: Path) -> None:
    (segment.parent / "service.log").write_text("... invented-value ...")
    with pytest.raises(DemoFailed, match=r"service\.log"):
        no_value_was_stored([segment.parent], {"invented-value"}, "event-1")


def test_a_search_that_misses_what_is_there_fails(segment: Path) -> None:
    with pytest.raises(DemoFailed, match="proves nothing"):
        no_value_was_stored([segment.parent], {"invented-value"}, "event-2")
