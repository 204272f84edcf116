import csv
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from segments import DAY, SOUND_DAY, TENANT, Recorder, Said, write_events, write_ledger

from mapper_assets.reporting.bundle import MANIFEST, build_report, verify
from mapper_domain.catalog import Catalog
from mapper_domain.errors import EvidenceIncomplete, InvalidTenant
from mapper_domain.layout import Layout

FILES = {"report.pdf", "report.json", "events.csv", "controls.csv", "coverage.csv", "reconciliation.csv", MANIFEST}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def csv_rows(path: Path) -> int:
    return sum(1 for _ in csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")))


def report_json(folder: Path) -> dict[str, object]:
    document: dict[str, object] = json.loads((folder / "report.json").read_bytes())
    return document


FIRST = Path(TENANT, "2026", "11", "21", "r0001")


def test_a_sound_day_is_final_and_every_file_is_listed(day: Layout, small: Catalog) -> None:
    result = build_report(day, small, TENANT, DAY)
    assert result.folder == day.reports / FIRST
    assert (result.manifest.status, result.manifest.revision, result.reused) == ("FINAL", 1, False)
    assert set(contents(result.folder)) == FILES
    assert {file.name for file in result.manifest.files} == FILES - {MANIFEST}
    assert verify(result.folder) == result.manifest
    assert (result.manifest.counts.received, result.manifest.counts.accepted) == (12, 10)


def test_the_same_evidence_reuses_the_revision_even_when_the_ledger_was_written_again(
    reported: Layout, small: Catalog
) -> None:
    before = contents(reported.reports / FIRST)
    write_ledger(reported, TENANT, DAY, 10, 2)
    again = build_report(reported, small, TENANT, DAY)
    assert (again.folder, again.reused) == (reported.reports / FIRST, True)
    assert contents(again.folder) == before


def test_regeneration_elsewhere_gives_the_same_bytes(
    reported: Layout, day: Layout, small: Catalog, tmp_path: Path
) -> None:
    """Another process, folder, hash seed, time zone and locale, at another time."""
    here = contents(reported.reports / FIRST)
    shutil.rmtree(day.reports)
    (tmp_path / "catalog.json").write_text(small.model_dump_json())
    code = (
        "import sys; from pathlib import Path; from mapper_domain.catalog import Catalog;"
        "from mapper_domain.layout import Layout; from mapper_assets.reporting.bundle import build_report;"
        "catalog = Catalog.model_validate_json(Path(sys.argv[1]).read_bytes());"
        f"build_report(Layout(Path(sys.argv[2])), catalog, '{TENANT}', '{DAY}')"
    )
    environment = os.environ | {"PYTHONHASHSEED": "77", "TZ": "Pacific/Auckland", "LC_ALL": "C"}
    arguments = [sys.executable, "-c", code, str(tmp_path / "catalog.json"), str(day.root)]
    subprocess.run(arguments, env=environment, check=True, cwd=Path(__file__).parents[3])
    assert contents(day.reports / FIRST) == here


def lose_a_segment(layout: Layout, _: Recorder) -> None:
    min((layout.events / f"tenant={TENANT}" / f"day={DAY}").glob("*.parquet")).unlink()


def repeat_an_event(layout: Layout, recorder: Recorder) -> None:
    recorder.last = 0
    write_events(layout, [recorder.record(SOUND_DAY[0])])


@pytest.mark.parametrize("damage", [lose_a_segment, repeat_an_event])
def test_an_incomplete_report_is_written_everywhere_as_incomplete_and_then_fails(
    day: Layout, recorder: Recorder, small: Catalog, damage: Callable[[Layout, Recorder], None]
) -> None:
    damage(day, recorder)
    with pytest.raises(EvidenceIncomplete) as raised:
        build_report(day, small, TENANT, DAY)
    folder = day.reports / FIRST
    assert str(folder) in str(raised.value)
    assert verify(folder).status == "INCOMPLETE"
    assert all(reason in str(raised.value) for reason in verify(folder).reasons)
    assert report_json(folder)["status"] == "INCOMPLETE"
    pages = subprocess.run(["pdftotext", folder / "report.pdf", "-"], capture_output=True, text=True, check=True)
    assert all("INCOMPLETE" in page for page in pages.stdout.split("\f")[:-1])
    assert "must not be relied on" in pages.stdout


def test_an_incomplete_report_fails_again_when_nothing_has_changed(day: Layout, small: Catalog) -> None:
    write_ledger(day, TENANT, DAY, 11, 2)
    for _ in range(2):
        with pytest.raises(EvidenceIncomplete, match="INCOMPLETE"):
            build_report(day, small, TENANT, DAY)
    assert [path.name for path in sorted((day.reports / FIRST).parent.iterdir())] == ["r0001"]


def test_a_late_event_makes_a_second_revision_and_leaves_the_first(
    reported: Layout, recorder: Recorder, small: Catalog
) -> None:
    first = reported.reports / FIRST
    before = contents(first)
    late = recorder.record(Said("gitleaks", None, 7 * 3600))
    late = late.model_copy(update={"recorded_at": datetime(2026, 11, 23, tzinfo=UTC) + timedelta(hours=1)})
    write_events(reported, [late])
    write_ledger(reported, TENANT, DAY, 11, 2)

    second = build_report(reported, small, TENANT, DAY)

    assert (second.folder.name, second.manifest.status) == ("r0002", "AMENDED")
    assert second.manifest.previous_sha256 == hashlib.sha256(before[MANIFEST]).hexdigest()
    assert contents(first) == before
    delta = report_json(second.folder)["delta"]
    assert isinstance(delta, dict)
    assert (delta["previous"], delta["added"], delta["removed_total"]) == (1, [late.event_id], 0)
    assert delta["reasons"] == ["Events arrived after the earlier revision."]
    changed = {(change["what"], change["name"]): (change["before"], change["after"]) for change in delta["changes"]}
    assert changed["Population", "events"] == ("10", "11")
    assert changed["Label", "OTHER.Safe"] == ("2", "3")


def test_restored_evidence_gives_a_complete_revision_that_says_so(day: Layout, small: Catalog) -> None:
    lost = min((day.events / f"tenant={TENANT}" / f"day={DAY}").glob("*.parquet"))
    saved = lost.read_bytes()
    lost.unlink()
    with pytest.raises(EvidenceIncomplete):
        build_report(day, small, TENANT, DAY)
    lost.write_bytes(saved)
    result = build_report(day, small, TENANT, DAY)
    assert (result.manifest.revision, result.manifest.status) == (2, "AMENDED")
    delta = report_json(result.folder)["delta"]
    assert isinstance(delta, dict)
    assert "The earlier revision was INCOMPLETE." in delta["reasons"]


def test_a_changed_mapping_makes_a_revision_that_says_so(reported: Layout, small: Catalog) -> None:
    fewer = small.frameworks.model_copy(update={"evidence": small.frameworks.evidence[:-1]})
    result = build_report(reported, small.model_copy(update={"frameworks": fewer}), TENANT, DAY)
    delta = report_json(result.folder)["delta"]
    assert isinstance(delta, dict)
    assert delta["reasons"] == ["The frameworks or the mapping changed."]


@pytest.mark.parametrize("name", sorted(FILES))
def test_an_altered_revision_is_named_and_nothing_is_built_on_it(reported: Layout, small: Catalog, name: str) -> None:
    file = reported.reports / FIRST / name
    file.chmod(0o644)
    file.write_bytes(b"altered")
    with pytest.raises(EvidenceIncomplete, match=re.escape(name)):
        build_report(reported, small, TENANT, DAY)


def test_a_day_without_any_trace_is_incomplete(layout: Layout, small: Catalog) -> None:
    with pytest.raises(EvidenceIncomplete, match="There is no ledger for this day"):
        build_report(layout, small, TENANT, DAY)


def test_a_day_on_which_the_ledger_counts_nothing_is_complete(layout: Layout, small: Catalog) -> None:
    write_ledger(layout, TENANT, DAY, 0)
    result = build_report(layout, small, TENANT, DAY)
    assert (result.manifest.status, result.manifest.counts.events) == ("FINAL", 0)


def test_a_tenant_id_that_could_escape_the_folder_is_refused(layout: Layout, small: Catalog) -> None:
    with pytest.raises(InvalidTenant):
        build_report(layout, small, "../../etc", DAY)


def test_a_revision_cannot_be_written_by_accident(reported: Layout) -> None:
    assert {path.stat().st_mode & 0o777 for path in (reported.reports / FIRST).iterdir()} == {0o444}


def test_text_somebody_sent_is_in_no_file_of_a_report(layout: Layout, small: Catalog) -> None:
    """An unknown label may be anything, so only its keyed hash is known; the stored JSON form is not copied either."""
    canary = "CANARY-7f3a-my-card-is-4111-1111-1111-1111"
    recorder = Recorder(small)
    record = recorder.record(Said("presidio", canary, 60))
    write_events(layout, [record], event_json=canary)
    write_ledger(layout, TENANT, DAY, 1)
    folder = build_report(layout, small, TENANT, DAY).folder
    shown = subprocess.run(["pdftotext", folder / "report.pdf", "-"], capture_output=True, check=True).stdout
    for content in (*contents(folder).values(), shown):
        assert canary.encode() not in content
        assert b"4111" not in content
    assert record.source_label_hmac is not None
    assert record.source_label_hmac.encode() in contents(folder)["events.csv"]


@pytest.mark.slow
def test_a_large_day_is_whole_in_the_tables_and_cut_in_the_pdf(layout: Layout, small: Catalog) -> None:
    """5,000 events of 60 labels every few minutes: more incidents than a page should list."""
    recorder = Recorder(small)
    vocabulary = [(d.name, mapping.label) for d in small.detectors for mapping in d.maps][::20]
    said = [Said(*vocabulary[n % len(vocabulary)], second=n * 17) for n in range(5_000)]
    write_events(layout, [recorder.record(one) for one in said])
    write_ledger(layout, TENANT, DAY, 5_000)
    result = build_report(layout, small, TENANT, DAY)
    assert csv_rows(result.folder / "events.csv") == 5_000
    report = report_json(result.folder)
    assert isinstance(report["incidents"], list)
    assert len(report["incidents"]) > 1_000
    shown = subprocess.run(
        ["pdftotext", "-layout", result.folder / "report.pdf", "-"], capture_output=True, text=True, check=True
    )
    assert f"Showing 1,000 of {len(report['incidents']):,} incidents" in shown.stdout
