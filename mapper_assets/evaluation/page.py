"""A page of tables for people, as Markdown and as one HTML file. What is in it comes from others."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jinja2

_TEMPLATES = Path(__file__).parent / "templates"


class Table(NamedTuple):
    """A table; the first column names its rows.

    Attributes:
        note: what a reader must know to read it right.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


class Page(NamedTuple):
    """A title, sentences, and tables in their order."""

    title: str
    sentences: Sequence[str]
    tables: Sequence[Table]

    def followed_by(self, other: "Page") -> "Page":
        """One page of both, under this one's title; the other's sentences become the note of its first table."""
        first, *rest = other.tables
        note = " ".join((*other.sentences, first.note)).strip()
        return self._replace(tables=(*self.tables, first._replace(note=note), *rest))


def markdown(page: Page) -> str:
    """The page as Markdown."""
    lines = [f"# {page.title}", ""]
    for sentence in page.sentences:
        lines += [sentence, ""]
    for table in page.tables:
        lines += [f"## {table.title}", ""]
        lines += [table.note, ""] if table.note else []
        lines += [_row(table.columns), "|" + "---|" * len(table.columns)]
        lines += [*map(_row, table.rows), ""]
    return "\n".join(lines)


def html(page: Page, pictures: Mapping[str, bytes]) -> str:
    """The page as one HTML file that needs nothing else.

    Args:
        pictures: PNG bytes by file name, shown after the sentences.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    shown = {name: base64.b64encode(png).decode("ascii") for name, png in sorted(pictures.items())}
    return environment.get_template("evaluation.html").render(page=page, pictures=shown)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "&#124;") for cell in cells) + " |"
