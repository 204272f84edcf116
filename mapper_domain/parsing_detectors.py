"""Detector files: what they may contain and whether their mappings fit the taxonomy."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from mapper_domain.detectors import Detector, LabelMapping, Relation
from mapper_domain.errors import Problem
from mapper_domain.parsing import NOT_EMPTY, Text, did_you_mean, one_or_many, parse, wrong
from mapper_domain.parsing_taxonomy import KnownLabel
from mapper_domain.payloads import Payload
from mapper_domain.sources import Source
from mapper_domain.taxonomy import SAFE
from mapper_domain.value import Value

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TYPED = frozenset({"payload"})
"""Keys of a detector file whose scalars keep their JSON types: a detector's `false` is not the text "false"."""


def _distinct(labels: tuple[str, ...]) -> tuple[str, ...]:
    twice = [label for label, times in Counter(labels).items() if times > 1]
    if twice:
        raise wrong("is named twice.", "Keep one of them.", value=twice[0])
    return labels


class _MappingDocument(Value):
    taxonomy: Annotated[tuple[KnownLabel, ...], BeforeValidator(one_or_many), NOT_EMPTY, AfterValidator(_distinct)]
    relation: Relation = "any"
    field: Text | None = None
    description: str = ""
    ambiguous: bool = False
    opaque: bool = False
    note: str = ""


def _safe_alone(meaning: _MappingDocument) -> _MappingDocument:
    if meaning.relation == "all" and SAFE in meaning.taxonomy and len(meaning.taxonomy) > 1:
        raise wrong(f"puts {SAFE!r} beside another label; it stands alone.", "Use relation: any or drop it.")
    return meaning


def _as_meanings(value: Any) -> Any:
    """One label, one object or several objects, all as a list of objects."""
    if isinstance(value, str):
        return [{"taxonomy": [value]}]
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        remedy = "Write {taxonomy: [A, B], relation: any}, or relation: all."
        raise wrong("has several labels and no relation between them.", remedy)
    return [value] if isinstance(value, dict) else value


def _one_meaning_a_field(meanings: tuple[_MappingDocument, ...]) -> tuple[_MappingDocument, ...]:
    if len({meaning.field for meaning in meanings}) < len(meanings):
        raise wrong("has two meanings for the same field.", "Give each meaning its own `field`.")
    return meanings


_Meanings = Annotated[
    tuple[Annotated[_MappingDocument, AfterValidator(_safe_alone)], ...],
    BeforeValidator(_as_meanings),
    NOT_EMPTY,
    AfterValidator(_one_meaning_a_field),
]


def _name(name: str, info: ValidationInfo) -> str:
    if not NAME.fullmatch(name):
        remedy = "Use lower-case letters, digits and single hyphens, for example 'azure-content-safety'."
        raise wrong("is not a detector name.", remedy)
    stem = info.context["stem"] if info.context else name
    if name != stem:
        remedy = f"Rename the file to {name}.yaml or the detector to {stem!r}."
        raise wrong(f"does not match the file name {stem}.yaml.", remedy)
    return name


class _DetectorDocument(Value):
    detector: Annotated[Text, AfterValidator(_name)]
    version: Text
    vendor: str = ""
    kind: str = ""
    source: str = ""
    notes: str = ""
    output_shape: str = ""
    threshold: Annotated[float | None, Field(ge=0.0, le=1.0)] = None
    payload: Payload | None = None
    descriptions: Mapping[str, Text] = Field(default_factory=dict)
    maps: Annotated[Mapping[str, _Meanings], NOT_EMPTY]


def parse_detector(
    source: Source, stem: str, labels: Collection[str] | None, problems: list[Problem]
) -> Detector | None:
    """The detector in a file, or None; problems are appended.

    Args:
        source: the file.
        stem: its name without suffix, which must be the detector's name.
        labels: what canonical labels there are; None when that is not known, and then they are not checked.
        problems: collects.
    """
    document = parse(source, _DetectorDocument, problems, {"stem": stem, "labels": labels})
    problems.extend(_labels(source))
    if document is None:
        return None
    maps = tuple(
        LabelMapping(
            label=label,
            **dict(meaning) | {"description": meaning.description or document.descriptions.get(label, "")},
        )
        for label, meanings in document.maps.items()
        for meaning in meanings
    )
    head = {name: value for name, value in document if name not in ("detector", "descriptions", "maps")}
    return Detector(name=document.detector, maps=maps, **head)


def _labels(source: Source) -> Iterator[Problem]:
    """An empty label, and descriptions of labels that are not mapped."""
    written = source.value if isinstance(source.value, dict) else {}
    maps, descriptions = written.get("maps"), written.get("descriptions")
    if not isinstance(maps, dict):
        return
    for label in maps:
        if not label.strip():
            yield source.problem(("maps", label), label, "is an empty label.", "Write the detector's own label.")
    for label in descriptions if isinstance(descriptions, dict) else ():
        if label not in maps:
            remedy = did_you_mean(label, maps) or "Remove it or map the label."
            yield source.problem(("descriptions", label), label, "is described but not mapped.", remedy)
