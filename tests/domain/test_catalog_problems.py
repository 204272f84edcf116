"""Each folder below `broken/` is one case: broken files, and in `expected.txt` what their author is told.

A line there reads `file:line: 'offending value' what is wrong. What to do.`
"""

import re
from pathlib import Path

import pytest
from catalogs import BROKEN, MINIMAL, broken_copy

from mapper_domain.catalog import load
from mapper_domain.errors import CatalogError, Problem

CASES = sorted(path.name for path in BROKEN.iterdir())
ABSENT = re.compile(r"is missing|not accounted for|is named twice")


def problems_of(case: str, folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(CatalogError) as raised:
        load(broken_copy(case, folder))
    return raised.value.problems


def test_the_catalogue_that_cases_break_is_valid() -> None:
    assert len(load(MINIMAL).detectors) == 1


@pytest.mark.parametrize("case", CASES)
def test_the_author_is_told_every_problem_with_its_remedy(case: str, tmp_path: Path) -> None:
    told = [str(problem) for problem in problems_of(case, tmp_path)]
    assert told == (BROKEN / case / "expected.txt").read_text().splitlines()


@pytest.mark.parametrize("case", CASES)
def test_the_line_named_holds_the_offending_value(case: str, tmp_path: Path) -> None:
    for problem in problems_of(case, tmp_path):
        if problem.line is not None and problem.value and not ABSENT.search(problem.message):
            line = (tmp_path / problem.file).read_text().splitlines()[problem.line - 1]
            assert problem.value in line


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_lies_in_a_file_the_case_brought(case: str, tmp_path: Path) -> None:
    brought = {path.relative_to(BROKEN / case).as_posix() for path in (BROKEN / case).rglob("*") if path.is_file()}
    named = {problem.file for problem in problems_of(case, tmp_path)}
    assert named & brought


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("detector-label-unknown", "Did you mean 'PII.Contact.Email'?"),
        ("mapping-control-unknown", "Did you mean 'SOC2@2017:CC7.3'?"),
        ("detector-maps-missing", "Did you mean 'maps'?"),
        ("detector-key-written-twice", "first on line 4"),
        ("taxonomy-version-not-year-and-month", "for example '2026.11'"),
        ("detector-version-not-text", "must be text"),
    ],
)
def test_the_message_names_the_nearest_valid_choice(case: str, words: str, tmp_path: Path) -> None:
    assert any(words in str(problem) for problem in problems_of(case, tmp_path))


def test_problems_of_several_files_are_told_at_once(tmp_path: Path) -> None:
    files = [problem.file for problem in problems_of("several-files-at-once", tmp_path)]
    assert sorted(set(files)) == [
        "detectors/first.yaml",
        "detectors/second.yaml",
        "frameworks/mappings.yaml",
        "taxonomy/taxonomy.yaml",
    ]
    assert files.count("detectors/first.yaml") == 3
