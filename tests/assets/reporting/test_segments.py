import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from segments import DAY, SOUND_DAY, TENANT, Recorder, tamper, write_events

from mapper_assets.reporting.segments import EVENTS, read_events, read_rejections
from mapper_domain.catalog import Catalog
from mapper_domain.errors import InvalidTenant
from mapper_domain.layout import Layout
from mapper_domain.segments import EVENT_COLUMNS, segment_name, to_row


def first_segment(layout: Layout) -> Path:
    return min((layout.events / f"tenant={TENANT}" / f"day={DAY}").glob("*.parquet"))


def rewritten(path: Path, table: pa.Table) -> Path:
    """The segment with other content and a name that fits it."""
    pq.write_table(table, path)
    return path.rename(path.with_name(segment_name("other", hashlib.sha256(path.read_bytes()).hexdigest())))


def test_rows_come_back_exactly_as_they_were_written(layout: Layout, small: Catalog) -> None:
    recorder = Recorder(small)
    records = [recorder.record(said) for said in SOUND_DAY]
    write_events(layout, records)
    frame = read_events(layout, TENANT, DAY).frame
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    for record, row in zip(records, rows, strict=True):
        written = to_row(record)
        assert list(row.pop("scores").items()) == written.pop("scores")
        assert row == {name: written[name] for name in row if name != "segment"} | {"segment": row["segment"]}
    assert str(frame["occurred_at"].dt.tz) == "UTC"


def test_every_published_column_is_read_but_the_json_form() -> None:
    assert set(EVENT_COLUMNS) - set(EVENTS) == {"event_json"}


def test_a_day_without_segments_is_empty(layout: Layout) -> None:
    rows = read_events(layout, TENANT, DAY)
    assert (len(rows.frame), rows.segments, rows.problems) == (0, (), ())


def test_rejections_are_read_with_their_codes(day: Layout) -> None:
    assert sorted(read_rejections(day, TENANT, DAY).frame["code"]) == ["malformed-body", "unknown-detector"]


def test_no_row_of_an_altered_segment_is_believed(day: Layout) -> None:
    tamper(first_segment(day))
    rows = read_events(day, TENANT, DAY)
    assert [segment.intact for segment in rows.segments] == [False, True]
    assert list(rows.frame["sequence"]) == [7, 8, 9, 10]


def test_a_file_that_is_not_parquet_is_named_although_its_hash_fits(day: Layout) -> None:
    path = first_segment(day)
    path.write_bytes(b"PAR1 not really")
    path.rename(path.with_name(segment_name("x", hashlib.sha256(b"PAR1 not really").hexdigest())))
    assert any("is not a Parquet file" in problem for problem in read_events(day, TENANT, DAY).problems)


def test_a_missing_column_is_an_error_and_not_an_empty_value(day: Layout) -> None:
    table = pq.read_table(first_segment(day))
    rewritten(first_segment(day), table.drop_columns(["route"]))
    rows = read_events(day, TENANT, DAY)
    assert any("lacks the columns route" in problem for problem in rows.problems)
    assert len(rows.frame) == 4


def test_another_schema_version_is_not_guessed_at(day: Layout) -> None:
    table = pq.read_table(first_segment(day)).replace_schema_metadata({"schema_version": "2"})
    rewritten(first_segment(day), table)
    assert any("schema version 2" in problem for problem in read_events(day, TENANT, DAY).problems)


@pytest.mark.parametrize("tenant", ["../globex", "ACME", "acme/../globex", ""])
def test_a_tenant_id_never_becomes_a_path_of_somebody_else(layout: Layout, tenant: str) -> None:
    with pytest.raises(InvalidTenant):
        read_events(layout, tenant, DAY)
