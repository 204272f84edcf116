"""Detector files: what they may contain and whether their mappings fit the taxonomy."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from mapper_domain.detectors import Detector, LabelMapping, Relation
from mapper_domain.errors import Problem
from mapper_domain.parsing import Text, Texts, did_you_mean, parse
from mapper_domain.payloads import Payload
from mapper_domain.sources import Location, Source
from mapper_domain.taxonomy import SAFE, Taxonomy
from mapper_domain.value import Value

NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
TYPED = frozenset({"payload"})
"""Keys of a detector file whose scalars keep their JSON types: a detector's `false` is not the text "false"."""


class _MappingDocument(Value):
    taxonomy: Annotated[Texts, Field(min_length=1)]
    relation: Relation = "any"
    field: Text | None = None
    description: str = ""
    ambiguous: bool = False
    opaque: bool = False
    note: str = ""


def _as_mappings(value: Any) -> Any:
    if isinstance(value, str):
        return [{"taxonomy": [value]}]
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        raise ValueError("several labels need a relation: write {taxonomy: [A, B], relation: any} or relation: all")
    return [value] if isinstance(value, dict) else value


class _DetectorDocument(Value):
    detector: Text
    version: Text
    vendor: str = ""
    kind: str = ""
    source: str = ""
    notes: str = ""
    output_shape: str = ""
    threshold: Annotated[float | None, Field(ge=0.0, le=1.0)] = None
    payload: Payload | None = None
    descriptions: Mapping[str, Text] = Field(default_factory=dict)
    maps: Annotated[
        Mapping[str, Annotated[tuple[_MappingDocument, ...], Field(min_length=1), BeforeValidator(_as_mappings)]],
        Field(min_length=1),
    ]


def parse_detector(source: Source, stem: str, taxonomy: Taxonomy | None, problems: list[Problem]) -> Detector | None:
    """The detector in a file, or None; problems are appended.

    Args:
        source: the file.
        stem: its name without suffix, which must be the detector's name.
        taxonomy: what labels may be; None when it could not be read, and then labels are not checked.
        problems: collects.
    """
    document = parse(source, _DetectorDocument, problems)
    if document is None:
        return None
    problems.extend(_name(source, document.detector, stem))
    problems.extend(_descriptions(source, document))
    maps = []
    for label, meanings in document.maps.items():
        problems.extend(_fields(source, label, meanings))
        for index, meaning in enumerate(meanings):
            at = ("maps", label, index)
            problems.extend(_labels(source, at, meaning, taxonomy))
            written = dict(meaning) | {"description": meaning.description or document.descriptions.get(label, "")}
            maps.append(LabelMapping(label=label, **written))
    head = document.model_dump(exclude={"detector", "descriptions", "maps", "payload"})
    return Detector(name=document.detector, payload=document.payload, maps=tuple(maps), **head)


def _name(source: Source, name: str, stem: str) -> Iterable[Problem]:
    if not NAME.fullmatch(name):
        remedy = "Use lower-case letters, digits and single hyphens, for example 'azure-content-safety'."
        yield source.problem(("detector",), name, "is not a detector name.", remedy)
    elif name != stem:
        remedy = f"Rename the file to {name}.yaml or the detector to {stem!r}."
        yield source.problem(("detector",), name, f"does not match the file name {stem}.yaml.", remedy)


def _descriptions(source: Source, document: _DetectorDocument) -> Iterable[Problem]:
    for label in document.descriptions:
        if label not in document.maps:
            remedy = did_you_mean(label, document.maps) or "Remove it or map the label."
            yield source.problem(("descriptions", label), label, "is described but not mapped.", remedy)


def _fields(source: Source, label: str, meanings: tuple[_MappingDocument, ...]) -> Iterable[Problem]:
    if not label.strip():
        yield source.problem(("maps", label), "", "maps has an empty label.", "Write the detector's own label.")
    if len({meaning.field for meaning in meanings}) < len(meanings):
        message = "has two meanings for the same field."
        yield source.problem(("maps", label), label, message, "Give each meaning its own `field`.")


def _labels(source: Source, at: Location, meaning: _MappingDocument, taxonomy: Taxonomy | None) -> Iterable[Problem]:
    if len(set(meaning.taxonomy)) < len(meaning.taxonomy):
        yield source.problem((*at, "taxonomy"), str(at[1]), "names the same label twice.", "Keep one of them.")
    if meaning.relation == "all" and SAFE in meaning.taxonomy and len(meaning.taxonomy) > 1:
        message = f"puts {SAFE!r} beside another label; it stands alone."
        yield source.problem((*at, "taxonomy"), str(at[1]), message, "Use relation: any or drop it.")
    if taxonomy is None:
        return
    for index, label in enumerate(meaning.taxonomy):
        if label not in taxonomy.names:
            remedy = did_you_mean(label, taxonomy.names) or "Add it to the taxonomy first."
            yield source.problem((*at, "taxonomy", index), label, "is not a label of the taxonomy.", remedy)
