"""Vocabularies as people have them: a CSV file, YAML, or one label a line."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import JsonValue, ValidationError

from mapper_domain.errors import MapperError
from mapper_domain.proposals import Vocabulary
from mapper_domain.sources import read

COLUMNS = ("label", "field", "description")


class VocabularyError(MapperError):
    """The file holds no vocabulary; says what is wrong with which label."""


def read_vocabulary(path: Path, *, detector: str = "", kind: str = "", version: str = "") -> Vocabulary:
    """The vocabulary in a file.

    - `.csv`: a column `label`, and `field` and `description` where there are any; other columns are not read.
    - `.yaml`: a list of labels; a mapping of labels to descriptions; or a detector file, whose labels and
      descriptions count while what they are mapped to does not.
    - anything else: one label a line.

    Args:
        path: the file.
        detector: the detector's name; by default as the file says, else the file's own name.
        kind: what it looks for; by default as the file says.
        version: the vendor's version; by default as the file says.

    Raises:
        VocabularyError: with every problem.
    """
    said: Mapping[str, str] = {}
    if path.suffix == ".csv":
        terms = list(_csv(_text(path)))
    elif path.suffix in (".yaml", ".yml"):
        said, terms = _yaml(path)
    else:
        terms = [{"label": line.strip()} for line in _text(path).splitlines() if line.strip()]
    about = {
        "detector": detector or said.get("detector") or path.stem,
        "kind": kind or said.get("kind", ""),
        "version": version or said.get("version", ""),
    }
    try:
        return Vocabulary.model_validate({**about, "terms": terms})
    except ValidationError as error:
        found = [_explain(details["loc"], details["msg"], terms) for details in error.errors(include_input=False)]
        raise VocabularyError(f"{path.name} is no vocabulary:\n" + "\n".join(found)) from None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise VocabularyError(f"{path} cannot be read as UTF-8 text: {error}.") from None


def _csv(text: str) -> Iterator[dict[str, JsonValue]]:
    reader = csv.DictReader(text.splitlines(keepends=True))
    if "label" not in (reader.fieldnames or ()):
        raise VocabularyError(f"The first line must name the columns, `label` among {', '.join(COLUMNS)}.")
    for row in reader:
        yield {column: value for column in COLUMNS if (value := row.get(column))}


def _yaml(path: Path) -> tuple[Mapping[str, str], list[dict[str, JsonValue]]]:
    source = read(path, path.parent)
    if source.problems:
        raise VocabularyError("\n".join(map(str, source.problems)))
    document = source.value
    if isinstance(document, list):
        return {}, [item if isinstance(item, dict) else {"label": item} for item in document]
    if not isinstance(document, dict):
        raise VocabularyError(f"{path.name} holds neither a list of labels nor a mapping.")
    maps, descriptions = document.get("maps"), document.get("descriptions")
    if not isinstance(maps, dict):
        return {}, [{"label": label, "description": text} for label, text in document.items()]
    described = descriptions if isinstance(descriptions, dict) else {}
    said = {name: value for name in ("detector", "kind", "version") if isinstance(value := document.get(name), str)}
    return said, [term for label in maps for term in _terms(label, maps[label], described.get(label, ""))]


def _terms(label: str, meanings: JsonValue, described: JsonValue) -> Iterator[dict[str, JsonValue]]:
    """One term for each field a detector file tells apart."""
    told_apart = [meaning for meaning in meanings if isinstance(meaning, dict)] if isinstance(meanings, list) else []
    for about in told_apart or [meanings if isinstance(meanings, dict) else {}]:
        yield {"label": label, "field": about.get("field"), "description": about.get("description") or described}


def _explain(location: tuple[int | str, ...], message: str, terms: list[dict[str, JsonValue]]) -> str:
    said = message.removeprefix("Value error, ")
    if len(location) > 1 and isinstance(location[1], int):
        return f"- label {location[1] + 1} ({str(terms[location[1]].get('label', ''))[:40]!r}): {said}"
    return f"- {'.'.join(map(str, location)) or 'vocabulary'}: {said}"
