"""Catalogues the tests of reading use, each real files in a folder beside this module."""

import shutil
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
MINIMAL = HERE / "minimal"
FOUNDING = HERE / "founding"
BROKEN = HERE / "broken"


def broken_copy(case: str, folder: Path) -> Path:
    """The minimal catalogue with the files of one broken case laid over it."""
    shutil.copytree(MINIMAL, folder, dirs_exist_ok=True)
    shutil.copytree(BROKEN / case, folder, dirs_exist_ok=True)
    return folder
