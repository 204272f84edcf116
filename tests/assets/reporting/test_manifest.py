import json
from pathlib import Path

from segments import DAY, TENANT, Recorder, Said, write_events, write_ledger

from mapper_assets.reporting.manifest import build_manifest
from mapper_domain.layout import Layout


def segments(layout: Layout) -> list[Path]:
    return sorted((layout.events / f"tenant={TENANT}" / f"day={DAY}").glob("*.parquet"))


def test_it_lists_segments_rows_and_times(day: Layout) -> None:
    manifest = build_manifest(day, TENANT, DAY)
    assert [segment.rows for segment in manifest.segments] == [6, 4]
    assert (manifest.rows, manifest.rejected_rows, manifest.problems) == (10, 2, ())
    assert manifest.first_event == "2026-11-21T08:00:00+00:00"
    assert manifest.last_event == "2026-11-21T23:00:00+00:00"


def test_it_is_stored_where_the_layout_says(day: Layout) -> None:
    manifest = build_manifest(day, TENANT, DAY)
    stored = json.loads((day.manifests / TENANT / f"{DAY}.json").read_bytes())
    assert stored == manifest.model_dump(mode="json")


def test_the_data_version_changes_with_the_evidence_and_not_with_the_clock(day: Layout, recorder: Recorder) -> None:
    before = build_manifest(day, TENANT, DAY).data_version
    write_ledger(day, TENANT, DAY, 10, 2)
    assert build_manifest(day, TENANT, DAY).data_version == before
    write_events(day, [recorder.record(Said("presidio", None, 13 * 3600))])
    assert build_manifest(day, TENANT, DAY).data_version != before


def test_a_segment_that_is_gone_stays_known_until_it_is_back(day: Layout) -> None:
    build_manifest(day, TENANT, DAY)
    lost = segments(day)[0]
    content = lost.read_bytes()
    lost.unlink()
    for _ in range(2):
        assert build_manifest(day, TENANT, DAY).missing == (lost.name,)
    lost.write_bytes(content)
    assert build_manifest(day, TENANT, DAY).missing == ()
