import csv
import io
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_assets.rendering.csv import column, neutral, row_count, write


def cells(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", '=HYPERLINK("http://x","y")'])
def test_text_that_begins_like_a_formula_is_shown_and_not_run(text: str) -> None:
    assert cells(write(pd.DataFrame({"label": [text]})))[1] == [f"'{text}"]


def test_numbers_stay_numbers_even_when_negative() -> None:
    assert cells(write(pd.DataFrame({"n": [-1], "p": [0.5]})))[1] == ["-1", "0.5"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (datetime(2026, 11, 21, 9, 8, 7, 12, tzinfo=UTC), "2026-11-21T09:08:07.000012Z"),
        (["PII.Person.Name", "PII.Contact.Email"], "PII.Person.Name;PII.Contact.Email"),
        ((), ""),
        ({"PII.Person.Name": 0.93}, "PII.Person.Name=0.93"),
        (None, ""),
        (float("nan"), ""),
        (pd.NaT, ""),
        (True, "True"),
        (["=evil"], "'=evil"),
    ],
)
def test_each_kind_of_value_has_one_form(value: object, cell: str) -> None:
    assert cells(write(pd.DataFrame({"a": [value], "b": ["x"]}, dtype="object")))[1] == [cell, "x"]


def test_records_end_with_carriage_return_and_line_feed() -> None:
    assert write(pd.DataFrame({"a": ["x", "y"]})) == b"a\r\nx\r\ny\r\n"


def test_a_table_without_rows_still_names_its_columns() -> None:
    content = write(pd.DataFrame(columns=["a", "b"]))
    assert (content, row_count(content)) == (b"a,b\r\n", 0)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=6))
def test_any_text_survives_quotes_commas_and_line_breaks(texts: list[str]) -> None:
    content = write(pd.DataFrame({"a": texts, "b": "end"}))
    assert row_count(content) == len(texts)
    assert column(content, "a") == [neutral(text) for text in texts]
