"""YAML files as plain values that remember their lines. No meaning here: `parsing` gives values one.

Every scalar stays the text that was written, so `no`, `1.10` and `2026.10` survive as labels and versions
(YAML 1.1 would make them False, 1.1 and 2026.1). Only below the keys named in `typed` do plain scalars
get the types of the YAML 1.2 core schema.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import JsonValue

from mapper_domain.errors import Problem

Location = tuple[str | int, ...]
_Loader: type = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_DEEPEST = 30
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
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
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        return _unreadable(file, None, f"cannot be read: {error.strerror}.", "Put the file there or make it readable.")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _unreadable(file, line, "is not UTF-8.", "Save the file as UTF-8.")
    builder = _Builder(file, typed)
    try:
        value = builder.document(yaml.parse(text, Loader=_Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = " ".join(part for part in (error.context, error.problem) if part)
        return _unreadable(file, mark.line + 1 if mark else None, f"is not valid YAML: {what}.", "Correct the syntax.")
    except yaml.YAMLError as error:
        what = str(error).splitlines()[0]
        return _unreadable(file, None, f"is not valid YAML: {what}.", "Correct the syntax.")
    if value in (None, "") and not builder.problems:
        return _unreadable(file, None, "is empty.", "Write its content or remove the file.")
    return Source(file=file, value=value, lines=builder.lines, problems=tuple(builder.problems))


def _unreadable(file: str, line: int | None, message: str, remedy: str) -> Source:
    return Source(file=file, problems=(Problem(file=file, line=line, value="", message=message, remedy=remedy),))


class _Builder:
    """Builds plain values from parser events, noting lines and problems on the way."""

    def __init__(self, file: str, typed: frozenset[str]) -> None:
        self._file = file
        self._typed = typed
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []

    def document(self, events: Iterator[yaml.Event]) -> JsonValue:
        value: JsonValue = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._report(event, "", "begins a second document.", "Keep one document a file.")
                    return value
                value = self._node(next(events), events, ())
        return value

    def _node(self, event: yaml.Event, events: Iterator[yaml.Event], at: Location) -> JsonValue:
        self.lines.setdefault(at, _line(event))
        if isinstance(event, yaml.AliasEvent):
            self._report(event, f"*{event.anchor}", "is a YAML alias.", "Write the value out where it is needed.")
            return None
        if tag := getattr(event, "tag", None):
            self._report(event, tag, "is a YAML tag, which the catalogue does not use.", "Remove it.")
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.implicit[0]
            return _core_type(event.value) if plain and at[:1] and at[0] in self._typed else str(event.value)
        if len(at) == _DEEPEST:
            self._report(event, "", "begins a level nobody can need.", "Nest less deeply.")
            self._skip(event, events)
            return None
        return self._items(events, at) if isinstance(event, yaml.SequenceStartEvent) else self._entries(events, at)

    def _items(self, events: Iterator[yaml.Event], at: Location) -> list[JsonValue]:
        items: list[JsonValue] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._node(event, events, (*at, len(items))))
        return items

    def _entries(self, events: Iterator[yaml.Event], at: Location) -> dict[str, JsonValue]:
        entries: dict[str, JsonValue] = {}
        while not isinstance(key := next(events), yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                self._report(key, "", "is not text but is used as a key.", "Use text as the key.")
                self._skip(key, events)
                self._skip(next(events), events)
            elif key.value in entries:
                earlier = f"is written twice; first on line {self.lines[(*at, key.value)]}."
                self._report(key, key.value, earlier, "Keep one of them.")
                self._skip(next(events), events)
            else:
                self.lines[(*at, key.value)] = _line(key)
                entries[key.value] = self._node(next(events), events, (*at, key.value))
        return entries

    def _skip(self, event: yaml.Event, events: Iterator[yaml.Event]) -> None:
        """Pass over a node nobody will read."""
        opened = int(isinstance(event, yaml.CollectionStartEvent))
        while opened:
            event = next(events)
            opened += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)

    def _report(self, event: yaml.Event, value: str, message: str, remedy: str) -> None:
        self.problems.append(Problem(file=self._file, line=_line(event), value=value, message=message, remedy=remedy))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _core_type(text: str) -> JsonValue:
    if text in ("", "~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return number if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)) else text
