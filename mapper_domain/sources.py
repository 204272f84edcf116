"""YAML files as plain values that remember their lines. No meaning here: `parsing` gives values one.

Every scalar stays the text that was written, so `no`, `1.10` and `2026.10` survive as labels and versions
(YAML 1.1 would make them False, 1.1 and 2026.1). Only below the keys named in `typed` do plain scalars
get the types of the YAML 1.2 core schema.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import JsonValue

from mapper_domain.errors import Problem

Location = tuple[str | int, ...]
_Loader: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Source:
    """One YAML document.

    Attributes:
        file: path relative to the catalogue root, POSIX.
        value: nested dicts, lists and text; None when the file could not be read.
        lines: 1-based line of every key and item, by location.
        problems: what is wrong with the YAML itself.
    """

    file: str
    value: JsonValue = None
    lines: Mapping[Location, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def find(self, location: Location) -> Location:
        """The deepest written place along a location; list indexes nobody wrote are skipped."""
        found: Location = ()
        for part in location:
            if (*found, part) in self.lines:
                found = (*found, part)
            elif not isinstance(part, int):
                break
        return found

    def line(self, location: Location) -> int | None:
        """Line of the deepest written place along a location."""
        return self.lines.get(self.find(location))

    def text(self, location: Location) -> str:
        """What is written at exactly this place, empty unless it is a scalar."""
        value = self.value
        for part in self.find(location):
            value = value[part]  # type: ignore[index]
        return "" if isinstance(value, dict | list) or value is None else str(value)

    def problem(self, location: Location, value: str, message: str, remedy: str = "") -> Problem:
        """A problem at a place of this file."""
        return Problem(file=self.file, line=self.line(location), value=value, message=message, remedy=remedy)


def read(path: Path, root: Path, *, typed: frozenset[str] = frozenset()) -> Source:
    """Read one YAML file; never raises, what is wrong is in `problems`.

    Args:
        path: the file.
        root: the catalogue root, to name the file by.
        typed: top-level keys below which plain scalars are typed by the YAML 1.2 core schema.
    """
    file = path.relative_to(root).as_posix()
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return _unreadable(file, line, "is not UTF-8.", "Save the file as UTF-8.")
    except OSError as error:
        return _unreadable(file, None, f"cannot be read: {error.strerror}.", "Put the file there or make it readable.")
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        return _unreadable(file, mark.line + 1 if mark else None, f"is not valid YAML: {what}.", "Correct the syntax.")
    except (yaml.YAMLError, RecursionError) as error:
        what = str(error).splitlines()[0]
        return _unreadable(file, None, f"is not valid YAML: {what}.", "Correct the syntax.")
    if node is None:
        return _unreadable(file, None, "is empty.", "Write its content or remove the file.")
    tree = _Tree(file, typed)
    value = tree.convert(node, ())
    return Source(file=file, value=value, lines=tree.lines, problems=tuple(tree.problems))


def _unreadable(file: str, line: int | None, message: str, remedy: str) -> Source:
    return Source(file=file, problems=(Problem(file=file, line=line, value="", message=message, remedy=remedy),))


class _Tree:
    """Turns composed nodes into plain values, noting lines and problems on the way."""

    def __init__(self, file: str, typed: frozenset[str]) -> None:
        self._file = file
        self._typed = typed
        self._seen: set[int] = set()
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []

    def convert(self, node: yaml.Node, at: Location) -> JsonValue:
        self.lines.setdefault(at, node.start_mark.line + 1)
        if node.tag not in _PLAIN_TAGS:
            self._report(node, node.tag, "is a YAML tag, which the catalogue does not use.", "Remove it.")
        if id(node) in self._seen:
            self._report(node, "", "is used again through a YAML alias.", "Write the value out where it is needed.")
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            return {key: self.convert(value, (*at, key)) for key, value in self._entries(node, at)}
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(item, (*at, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and at and at[0] in self._typed and not node.style:
            return _core_type(node.value)
        return str(node.value)

    def _entries(self, node: yaml.MappingNode, at: Location) -> Iterator[tuple[str, yaml.Node]]:
        first: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._report(key, "", "is a list or mapping used as a key.", "Use text as the key.")
            elif key.value in first:
                earlier = f"is written twice; first on line {first[key.value]}."
                self._report(key, key.value, earlier, "Keep one of them.")
            else:
                first[key.value] = self.lines[(*at, key.value)] = line
                yield key.value, value

    def _report(self, node: yaml.Node, value: str, message: str, remedy: str) -> None:
        line = node.start_mark.line + 1
        self.problems.append(Problem(file=self._file, line=line, value=value, message=message, remedy=remedy))


def _core_type(text: str) -> JsonValue:
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text.lower() in ("true", "false") and text in (text.lower(), text.title(), text.upper()):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
