"""The report as a PDF: Jinja2 template, WeasyPrint, tagged PDF/A-3a with the tables and the JSON attached.

The same report gives the same bytes: fonts come from a pinned package, dates from the report, and nothing is
fetched. Import this module where a PDF is made: it loads WeasyPrint.
"""

import importlib.metadata
import importlib.util
import io
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import jinja2
import weasyprint
from weasyprint.text.ffi import pango
from weasyprint.urls import FatalURLFetchingError, URLFetcherResponse

from mapper_assets.reporting.report import Report

ROW_CAP = 1_000
"""Most rows of any table in the PDF; WeasyPrint needs about 4 s and 100 MB a thousand. The CSV has them all."""

_TEMPLATES = Path(__file__).parent / "templates"
_MEDIA_TYPES = {".csv": "Source", ".json": "Data"}
_RECORDED = ("weasyprint", "pydyf", "fonttools", "matplotlib", "jinja2", "pandas", "clickhouse-connect", "chdb")


def render(report: Report, attachments: Mapping[str, bytes], *, row_cap: int = ROW_CAP) -> bytes:
    """The PDF of a report.

    Args:
        report: what to print; every number in it is final.
        attachments: files to embed, by name; CSV as `Source` and JSON as `Data` (PDF/A-3 relationship).
        row_cap: most rows a table shows before it points to its file.
    """
    html = template().render(report=report, row_cap=row_cap, css=(_TEMPLATES / "report.css").read_text())
    known_at = report.watermark or report.period_end
    files = [
        weasyprint.Attachment(
            file_obj=io.BytesIO(content),
            name=name,
            description=f"{name} of report {report.id}",
            created=known_at,
            modified=known_at,
            relationship=_MEDIA_TYPES[Path(name).suffix],
        )
        for name, content in sorted(attachments.items())
    ]
    document = weasyprint.HTML(string=html, url_fetcher=fetch, base_url="report:")
    pdf: bytes = document.write_pdf(attachments=files, pdf_variant="pdf/a-3a", pdf_identifier=True)
    return pdf


def fetch(url: str) -> URLFetcherResponse:
    """Serve `font:<file>` from the packaged fonts and refuse everything else, so that no report reaches out.

    Raises:
        FatalURLFetchingError: for any other URL, and for a font we do not ship.
    """
    scheme, _, name = url.partition(":")
    path = fonts() / name
    if scheme != "font" or path.parent != fonts() or not path.is_file():
        raise FatalURLFetchingError(f"A report may only load its own fonts, not {url[:80]!r}.")
    return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": "font/ttf"})


def fonts() -> Path:
    """The folder of DejaVu fonts inside the pinned matplotlib package: the same bytes on every machine."""
    spec = importlib.util.find_spec("matplotlib")
    if spec is None or spec.origin is None:
        raise FatalURLFetchingError("matplotlib, which carries the report's fonts, is not installed.")
    return Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"


def template() -> jinja2.Template:
    """The report template with its filters; every value is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "time": time, "clock": clock, "by_framework": by_framework}
    return environment.get_template("report.html")


def environment() -> Mapping[str, str]:
    """Versions of everything the bytes of a bundle depend on beside the evidence."""
    python = ".".join(map(str, sys.version_info[:3]))
    version = pango.pango_version()
    return {
        "python": python,
        "pango": f"{version // 10_000}.{version // 100 % 100}.{version % 100}",
        **{name: importlib.metadata.version(name) for name in _RECORDED},
    }


def by_framework(keys: Sequence[str]) -> Mapping[str, Sequence[str]]:
    """Control ids by framework edition, from edition-qualified keys."""
    found: dict[str, list[str]] = {}
    for key in keys:
        edition, _, control = key.partition(":")
        found.setdefault(edition, []).append(control)
    return found


def number(value: float | None) -> str:
    """A count for a reader: thousands apart, `n/a` when unknown."""
    return "n/a" if value is None else f"{value:,}"


def time(value: datetime | None) -> str:
    """An instant for a reader, to the second, UTC."""
    return "n/a" if value is None else f"{value:%Y-%m-%d %H:%M:%S} UTC"


def clock(value: datetime | None) -> str:
    """A time of day for a reader, to the second, UTC."""
    return "–" if value is None else f"{value:%H:%M:%S}"
