from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapper_domain.sources import Source, read


def source(folder: Path, content: str | bytes) -> Source:
    path = folder / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read(path, folder, typed=frozenset({"payload"}))


@pytest.mark.parametrize(
    "text", ["no", "yes", "on", "null", "~", "1.10", "2026.10", "0x1F", "012", "1e3", "2026-11-01"]
)
def test_plain_scalars_stay_the_text_that_was_written(tmp_path: Path, text: str) -> None:
    assert source(tmp_path, f"{text}: {text}").value == {text: text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("FALSE", False),
        ("yes", "yes"),
        ("~", None),
        ("4", 4),
        ("-0.5", -0.5),
        ("1e3", 1000.0),
        ("012", 12),
        ("1.2.3", "1.2.3"),
        ("'4'", "4"),
        ('"true"', "true"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_scalars_below_typed_keys_have_the_types_of_the_core_schema(tmp_path: Path, text: str, value: object) -> None:
    found = source(tmp_path, f"payload: {{a: {text}}}").value
    assert found == {"payload": {"a": value}}
    assert type(found["payload"]["a"]) is type(value)  # type: ignore[index, call-overload]


def test_every_key_and_item_knows_its_line(tmp_path: Path) -> None:
    read_source = source(tmp_path, "a: 1\nb:\n  - x\n  - {c: y,\n     d: z}\n")
    assert read_source.line(("a",)) == 1
    assert read_source.line(("b", 0)) == 3
    assert read_source.line(("b", 1, "d")) == 5
    assert read_source.text(("b", 1, "d")) == "z"


def test_a_place_nobody_wrote_has_the_line_of_the_nearest_written_one(tmp_path: Path) -> None:
    read_source = source(tmp_path, "a: 1\nb:\n  c: {d: 2}\n")
    assert read_source.line(("b", "c", 0, "d")) == 3
    assert read_source.line(("b", "x", "y")) == 2


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "is written twice; first on line 1."),
        ("a:\n  b: 1\n  c: 2\n  b: [1, {x: y}]\n  d: 4\n", 4, "is written twice; first on line 2."),
        ("a: &x 1\nb: *x\n", 2, "is a YAML alias."),
        ("a: &x [*x]\n", 1, "is a YAML alias."),
        ("a: !!python/object/apply:os.getcwd []\n", 1, "is a YAML tag, which the catalogue does not use."),
        ("a: 1\n? [b, c]\n: 2\n", 2, "is not text but is used as a key."),
        ("---\na: 1\n---\nb: 2\n", 3, "begins a second document."),
        ("a: " + "[" * 200 + "]" * 200, 1, "begins a level nobody can need."),
        ("a: [1, 2\nb: 3\n", 2, "is not valid YAML"),
        ("\tb: 3\n", 1, "is not valid YAML"),
        ('a: "\x00"\n', None, "is not valid YAML"),
        ("[" * 100_000, 2, "is not valid YAML"),
        (b"a: 1\nb: \xff\n", 2, "is not UTF-8."),
        ("", None, "is empty."),
        ("# only a comment\n", None, "is empty."),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_yaml_faults_are_problems_with_a_line(
    tmp_path: Path, content: str | bytes, line: int | None, message: str
) -> None:
    (problem,) = source(tmp_path, content).problems
    assert (problem.line, problem.file) == (line, "file.yaml")
    assert problem.message.startswith(message)
    assert problem.remedy


def test_what_can_be_read_around_a_fault_is_still_read(tmp_path: Path) -> None:
    assert source(tmp_path, "a: 1\na: [x, {y: z}]\n? {b: c}\n: [d]\ne: 2\n").value == {"a": "1", "e": "2"}


@pytest.mark.parametrize("name", ["missing.yaml", "folder"])
def test_a_file_that_cannot_be_opened_is_a_problem(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (problem,) = read(tmp_path / name, tmp_path).problems
    assert problem.message.startswith("cannot be read")


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path: Path) -> None:
    assert source(tmp_path, "\ufeffa: 1\n").value == {"a": "1"}


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.one_of(st.binary(max_size=60), st.text("ab:-[]{}&*!|>'\"#? \n\t~", max_size=60)))
def test_reading_never_raises_whatever_the_file_holds(tmp_path: Path, content: str | bytes) -> None:
    found = source(tmp_path, content)
    assert found.value is not None or found.problems
