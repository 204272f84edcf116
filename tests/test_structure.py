"""The shape of the code base: small files, docstrings only in package heads, no future annotations beside Dagster."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted(path for package in ROOT.glob("mapper_*/") for path in package.rglob("*.py"))
CODE = [*SOURCES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "demo").rglob("*.py"))]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_four_hundred_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_the_median_file_is_under_150_lines() -> None:
    lengths = sorted(len(path.read_text().splitlines()) for path in SOURCES if path.name != "__init__.py")
    assert lengths[len(lengths) // 2] < 150


@pytest.mark.parametrize("path", [p for p in SOURCES if p.name == "__init__.py"], ids=lambda p: p.parent.name)
def test_a_package_head_holds_a_docstring_and_nothing_else(path: Path) -> None:
    text = path.read_text().strip()
    assert text.startswith('"""')
    assert text.endswith('"""')
    assert text.count('"""') == 2


@pytest.mark.parametrize("path", sorted((ROOT / "mapper_assets").rglob("*.py")), ids=lambda p: p.name)
def test_no_module_near_dagster_postpones_annotations(path: Path) -> None:
    assert "from __future__ import annotations" not in path.read_text()
