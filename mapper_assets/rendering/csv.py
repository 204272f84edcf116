"""Tables as CSV (RFC 4180): CRLF, quotes where needed, UTF-8, ISO 8601 UTC, cells no spreadsheet will execute."""

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FORMULA = ("=", "+", "-", "@", "\t", "\r")
JOINER = ";"
"""Between the parts of a cell that holds several, for example the labels of an event."""


def write(table: "pd.DataFrame") -> bytes:
    """The table as CSV bytes, rows and columns in the order given.

    Text that begins like a formula gets a leading apostrophe (OWASP, CSV injection); numbers stay numbers.
    Times become ISO 8601 UTC with microseconds, sequences are joined by `;`, missing values are empty.
    """
    cells = table.astype(object).map(_cell)
    text: str = cells.to_csv(index=False, lineterminator="\r\n")
    return text.encode()


def row_count(content: bytes) -> int:
    """Data rows in CSV bytes, counted by parsing them."""
    return sum(1 for _ in csv.reader(io.StringIO(content.decode(), newline=""))) - 1


def column(content: bytes, name: str) -> list[str]:
    """The cells of one column of CSV bytes."""
    return [row[name] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]


def neutral(text: str) -> str:
    """Text that a spreadsheet shows instead of evaluating."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _cell(value: Any) -> object:
    from datetime import datetime

    import pandas as pd

    if isinstance(value, str):
        return neutral(value)
    if isinstance(value, dict):
        return neutral(JOINER.join(f"{key}={number:g}" for key, number in value.items()))
    if isinstance(value, (list, tuple)):
        return neutral(JOINER.join(map(str, value)))
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return value
