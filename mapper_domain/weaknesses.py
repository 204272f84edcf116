"""Numbers of the Common Weakness Enumeration: `CWE-90` says nothing to a reader of words, its published name does.

Scanners of code report these numbers in whatever else they say. Source: MITRE, https://cwe.mitre.org, the list of
`cwe.csv` (written by `docs/catalogue/import_weaknesses.py`); its licence is in `cwe.LICENSE`.
"""

import csv
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NUMBER = re.compile(r"(?<![a-z0-9])cwe[\s_:-]*0*(\d{1,4})(?!\d)", re.IGNORECASE)


@cache
def names() -> Mapping[int, str]:
    """The name of every weakness that is not deprecated, by its number."""
    lines = (files("mapper_domain") / "cwe.csv").read_text(encoding="utf-8").splitlines()
    return {int(row["number"]): row["name"] for row in csv.DictReader(lines)}


def spelt_out(text: str) -> str:
    """The text with the name of each weakness in place of its number; a number nobody has given stays."""
    return _NUMBER.sub(lambda found: f"CWE {names().get(int(found[1]), found[1])} ", text)
