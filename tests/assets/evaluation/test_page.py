from html.parser import HTMLParser

import pytest

from mapper_assets.evaluation.page import Page, Table, html, markdown

PAGE = Page(
    "Scores",
    ["One sentence.", "Another."],
    [
        Table("First", ["system", "value"], [["mapper", "0.9"], ["<script>alert(1)</script>", "a|b"]], "A note."),
        Table("Second", ["label"], [["x"]]),
    ],
)


class Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def read() -> Reader:
    reader = Reader()
    reader.feed(html(PAGE, {"risk_coverage.png": b"\x89PNG"}))
    return reader


def test_the_html_page_has_every_table_and_picture_and_fetches_nothing(read: Reader) -> None:
    assert (read.tags.count("table"), read.tags.count("img")) == (2, 1)
    assert all(source.startswith("data:image/png;base64,") for source in read.sources)


def test_a_label_is_text_and_never_markup(read: Reader) -> None:
    assert "script" not in read.tags
    assert "<script>alert(1)</script>" in read.text


def test_rows_and_columns_have_headers(read: Reader) -> None:
    assert read.tags.count("th") == 3 + 3


def test_markdown_keeps_a_bar_inside_its_cell() -> None:
    lines = markdown(PAGE).splitlines()
    assert "| <script>alert(1)</script> | a&#124;b |" in lines
    assert lines[:3] == ["# Scores", "", "One sentence."]


def test_two_pages_make_one_and_nothing_is_lost() -> None:
    both = PAGE.followed_by(Page("Folds", ["Folded."], [Table("Third", ["a"], [["b"]], "Noted.")]))
    assert [table.title for table in both.tables] == ["First", "Second", "Third"]
    assert both.tables[2].note == "Folded. Noted."
