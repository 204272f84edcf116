from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator

from mapper_domain.errors import Problem
from mapper_domain.parsing import NOT_EMPTY, Text, Texts, did_you_mean, parse, wrong
from mapper_domain.sources import read
from mapper_domain.value import Value


def _even(text: str) -> str:
    if int(text) % 2:
        raise wrong("is odd.", "Add one.", value=f"<{text}>")
    return text


class Inner(Value):
    name: Text
    enabled: bool = False
    numbers: tuple[Annotated[str, AfterValidator(_even)], ...] = ()


class Outer(Value):
    title: Text
    tags: Annotated[Texts, NOT_EMPTY] = ("none",)
    share: float = 0.0
    parts: dict[str, Inner] = {}  # noqa: RUF012


def told(folder: Path, content: str) -> tuple[Outer | None, list[Problem]]:
    (folder / "file.yaml").write_text(content)
    problems: list[Problem] = []
    return parse(read(folder / "file.yaml", folder), Outer, problems), problems


def test_a_document_that_fits_has_no_problems(tmp_path: Path) -> None:
    document, problems = told(tmp_path, "title: a\ntags: one\nshare: 0.5\nparts: {x: {name: y, enabled: true}}\n")
    assert problems == []
    assert document == Outer(title="a", tags=("one",), share=0.5, parts={"x": Inner(name="y", enabled=True)})


def test_every_fault_is_told_at_its_line(tmp_path: Path) -> None:
    content = "tags: []\nshare: lots\nparts:\n  x:\n    naem: y\n    enabled: maybe\n    numbers: ['2', '3']\n"
    _, problems = told(tmp_path, content)
    assert [str(problem) for problem in problems] == [
        "file.yaml:1: 'title' is missing. Add it: `title: …`.",
        "file.yaml:1: 'tags' must not be empty.",
        "file.yaml:2: 'lots' must be a number.",
        "file.yaml:4: 'name' is missing. Add it: `name: …`.",
        "file.yaml:6: 'maybe' must be true or false.",
        "file.yaml:7: '<3>' is odd. Add one.",
        "file.yaml:5: 'naem' is not a key that belongs here. Did you mean 'name'?",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("title: [a]\n", "must be text."),
        ("title: ''\n", "must not be empty."),
        ("title: a\ntags: {a: b}\n", "must be a list."),
        ("title: a\nparts: [a]\n", "must be a mapping of keys to values."),
        ("title: a\nparts: {x: y}\n", "must be a mapping of keys to values."),
        ("- title\n", "must be a mapping of keys to values."),
    ],
)
def test_a_wrong_type_is_told_in_words_of_yaml(tmp_path: Path, content: str, message: str) -> None:
    document, (problem,) = told(tmp_path, content)
    assert document is None
    assert problem.message == message


def test_a_fault_of_yaml_is_told_once_and_not_again_as_a_fault_of_shape(tmp_path: Path) -> None:
    _, (problem,) = told(tmp_path, "title: a\nshare: &a 1\nparts: {x: {name: *a}}\n")
    assert problem.message == "is a YAML alias."


@pytest.mark.parametrize(
    ("name", "remedy"), [("emial", "Did you mean 'email'?"), ("E-MAIL", "Did you mean 'email'?"), ("zzz", "")]
)
def test_the_nearest_known_name_is_suggested_only_when_it_is_near(name: str, remedy: str) -> None:
    assert did_you_mean(name, {"email", "phone"}) == remedy
