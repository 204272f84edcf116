import csv
import io
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pikepdf
import pytest
from weasyprint.urls import FatalURLFetchingError

from mapper_assets.rendering import pdf
from mapper_assets.reporting.report import Report

TABLES = ("controls.csv", "coverage.csv", "events.csv", "reconciliation.csv")


def text_of(path: Path, order: str) -> str:
    shown = subprocess.run(["pdftotext", order, path, "-"], capture_output=True, text=True, check=True)
    return shown.stdout


@pytest.fixture(scope="session")
def text(bundle_folder: Path) -> str:
    """What a reader sees, in lines as they stand on the page."""
    return text_of(bundle_folder / "report.pdf", "-layout")


@pytest.fixture
def document(bundle_folder: Path) -> Iterator[pikepdf.Pdf]:
    with pikepdf.open(bundle_folder / "report.pdf") as opened:
        yield opened


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / name).read_bytes().decode(), newline="")))


def printed(text: str, start: str) -> list[str]:
    """Numbers on the first line that begins with `start`."""
    line = next(line for line in text.splitlines() if line.strip().startswith(start))
    return re.findall(r"\d[\d,]*", line.strip()[len(start) :])


def test_totals_are_equal_in_pdf_json_and_csv(bundle_folder: Path, report: Report, text: str) -> None:
    events = rows(bundle_folder, "events.csv")
    assert printed(text, "Rows in events.csv = distinct event ids") == [str(len(events))] * 2
    assert report.population.events == len(events) == report.population.accepted
    assert printed(text, "Ledger: received = accepted + rejected") == [str(report.population.received)] * 2


def test_label_counts_are_equal_in_pdf_json_and_csv(bundle_folder: Path, report: Report, text: str) -> None:
    labels = [label for row in rows(bundle_folder, "events.csv") for label in row["taxonomy"].split(";")]
    table = text[text.index("nobody understood it.") :]
    for count in report.by_label:
        assert count.events == labels.count(count.name)
        assert printed(table, count.name) == [str(count.events)]


def test_control_counts_are_equal_in_pdf_json_and_csv(bundle_folder: Path, report: Report, text: str) -> None:
    recorded = [key for row in rows(bundle_folder, "events.csv") for key in row["controls"].split(";") if key]
    listed = {row["control"]: row for row in rows(bundle_folder, "controls.csv")}
    soc2 = next(framework for framework in report.coverage.frameworks if framework.key == "SOC2")
    page = text[text.index("SOC2@2017\n") :]
    for control in soc2.controls:
        assert control.events == int(listed[control.key]["events"]) == recorded.count(control.key)
        if control.events:
            assert str(control.events) in printed(page, f"{control.id} ")


def test_every_control_in_scope_is_printed_with_its_name(report: Report, bundle_folder: Path) -> None:
    flat = re.sub(r"\s+", "", text_of(bundle_folder / "report.pdf", "-raw"))
    controls = [control for framework in report.coverage.frameworks for control in framework.controls]
    assert len(controls) == 78 + 93 + 61
    assert [c.key for c in controls if re.sub(r"\s+", "", c.id + c.summary) not in flat] == []


def test_every_check_is_printed_with_both_numbers(report: Report, text: str) -> None:
    for check in report.reconciliation:
        assert printed(text, check.name) == [f"{check.expected:,}", f"{check.found:,}"]


def test_the_reader_is_told_what_is_not_claimed_and_never_a_verdict(text: str) -> None:
    assert "What is not claimed" in text
    assert "No control is said to be met or missed" in text
    assert "compliant" not in text.lower()


def test_each_page_names_tenant_day_status_revision_and_digest(report: Report, text: str) -> None:
    first, *pages = text.split("\f")[:-1]
    assert report.status in first
    for number, page in enumerate(pages, start=2):
        assert all(part in page for part in (report.tenant_id, report.day, report.status, report.id))
        assert report.content_sha256[:16] in page
        assert f"{number} of {len(pages) + 1}" in page


def test_definitions_are_printed_with_their_rates(report: Report, text: str) -> None:
    flat = " ".join(text.split())
    for rate in report.rates:
        assert rate.text in flat
        assert all(word in flat for word in rate.definition.split())


def test_it_is_tagged_pdf_a_3_with_language_and_title(document: pikepdf.Pdf, report: Report) -> None:
    with document.open_metadata() as metadata:
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "A")
        assert report.tenant_id in metadata["dc:title"]
    assert document.Root.Lang == "en"
    assert bool(document.Root.MarkInfo.Marked)
    assert "/OutputIntents" in document.Root


def test_tables_and_json_are_attached_with_their_relationship(document: pikepdf.Pdf, bundle_folder: Path) -> None:
    assert sorted(document.attachments) == sorted([*TABLES, "report.json"])
    for name in document.attachments:
        spec = document.attachments[name]
        assert spec.get_file().read_bytes() == (bundle_folder / name).read_bytes()
        assert spec.obj.AFRelationship == ("/Data" if name.endswith(".json") else "/Source")


def test_every_font_is_one_of_ours_and_embedded(bundle_folder: Path) -> None:
    listed = subprocess.run(["pdffonts", bundle_folder / "report.pdf"], capture_output=True, text=True, check=True)
    fonts = listed.stdout.splitlines()[2:]
    assert fonts
    assert all("Report-" in line and line.split()[-5] == "yes" for line in fonts)


def test_the_document_says_when_the_evidence_was_known_and_not_when_it_was_made(
    document: pikepdf.Pdf, report: Report
) -> None:
    assert report.watermark is not None
    assert str(document.docinfo.CreationDate).startswith(f"D:{report.watermark:%Y%m%d%H%M%S}")


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/", "https://example.org/x.png", "file:///etc/passwd", "font:../../x.ttf", "font:No.ttf"],
)
def test_nothing_but_our_own_fonts_is_ever_loaded(url: str) -> None:
    with pytest.raises(FatalURLFetchingError):
        pdf.fetch(url)


def test_markup_in_a_label_is_text(report: Report) -> None:
    evil = '<img src="http://169.254.169.254/">'
    sample = tuple(event.model_copy(update={"source_label": evil}) for event in report.sample)
    html = pdf.template().render(report=report.model_copy(update={"sample": sample}), row_cap=10, css="")
    assert evil not in html
    assert "&lt;img" in html


def test_a_large_table_is_cut_and_says_where_the_rest_is(report: Report, tmp_path: Path) -> None:
    many = tuple(
        report.incidents[0].model_copy(update={"start": report.period_start + timedelta(seconds=n)})
        for n in range(1_500)
    )
    large = report.model_copy(update={"incidents": many})
    html = pdf.template().render(report=large, row_cap=pdf.ROW_CAP, css="")
    incidents = html[html.index('id="exceptions"') : html.index('id="changes"')]
    assert incidents.count("<tr>") == pdf.ROW_CAP + 1
    assert "Showing 1,000 of 1,500 incidents" in incidents


def test_the_sample_says_how_many_there_are_and_where_all_of_them_are(report: Report) -> None:
    population = report.population.model_copy(update={"events": 5_000})
    html = pdf.template().render(report=report.model_copy(update={"population": population}), row_cap=10, css="")
    events = next(file for file in report.files if file.name == "events.csv")
    assert "of 5,000; full list in <code>events.csv</code>" in html
    assert events.sha256 in html[html.index('id="appendix"') :]
