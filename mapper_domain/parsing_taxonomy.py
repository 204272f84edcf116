"""Taxonomy files: what they may contain and which of their labels contradict each other."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo

from mapper_domain.errors import Problem
from mapper_domain.parsing import NOT_EMPTY, Text, Texts, did_you_mean, parse, wrong
from mapper_domain.sources import Source
from mapper_domain.taxonomy import LABEL_PATTERN, MODEL_ERROR, UNKNOWN, Label, Taxonomy
from mapper_domain.text import normalise
from mapper_domain.value import Value

VERSION = re.compile(r"\d{4}\.(0[1-9]|1[0-2])")


def _version(text: str) -> str:
    if not VERSION.fullmatch(text):
        raise wrong("is not a version.", "Write year and month, for example '2026.11'.")
    return text


def _label_name(text: str) -> str:
    if not LABEL_PATTERN.fullmatch(text):
        raise wrong("is not a label name.", "Write CATEGORY.Name, for example 'PII.Contact.Email'.")
    return text


def _known_label(label: str, info: ValidationInfo) -> str:
    names = info.context["labels"] if info.context else None
    if names is not None and label not in names:
        raise wrong("is not a label of the taxonomy.", did_you_mean(label, names) or "Add it to the taxonomy first.")
    return label


KnownLabel = Annotated[Text, AfterValidator(_known_label)]
"""A label that must be among `labels` of the parsing context, unless that is None."""


class _BenignPolicy(Value):
    """Which label says "nothing found", and the rules for using it."""

    label: KnownLabel
    rules: Texts


class _LabelDocument(Value):
    name: Annotated[Text, AfterValidator(_label_name)]
    description: str = ""
    aliases: Texts = ()
    alignment: Mapping[str, Texts] = Field(default_factory=dict)
    origin: str = ""


class _TaxonomyDocument(Value):
    version: Annotated[Text, AfterValidator(_version)]
    namespace: Text = "canonical"
    notes: str = ""
    benign_policy: _BenignPolicy | None = None
    labels: Annotated[tuple[_LabelDocument, ...], NOT_EMPTY]


def parse_taxonomy(source: Source, problems: list[Problem]) -> Taxonomy | None:
    """The taxonomy in a file, or None; problems are appended."""
    document = parse(source, _TaxonomyDocument, problems, {"labels": label_names(source)})
    problems.extend(_names(source))
    problems.extend(_aliases(source))
    if document is None:
        return None
    labels = tuple(Label(**dict(label)) for label in document.labels)
    return Taxonomy(version=document.version, namespace=document.namespace, labels=labels)


def label_names(source: Source) -> frozenset[str] | None:
    """Names of the labels in a taxonomy file, even where the rest of it is wrong; None when there are none."""
    return frozenset(name for _, name, _ in _written(source)) or None


def _written(source: Source) -> Iterator[tuple[int, str, list[str]]]:
    """Index, name and aliases of every label, as far as they are written as such."""
    labels = source.value.get("labels") if isinstance(source.value, dict) else None
    for index, label in enumerate(labels if isinstance(labels, list) else ()):
        if isinstance(label, dict) and isinstance(name := label.get("name"), str):
            aliases = label.get("aliases")
            one_or_more = aliases if isinstance(aliases, list) else [aliases]
            yield index, name, [alias for alias in one_or_more if isinstance(alias, str)]


def _names(source: Source) -> Iterator[Problem]:
    first: dict[str, int | None] = {}
    for index, name, _ in _written(source):
        at = ("labels", index, "name")
        if name in first:
            yield source.problem(at, name, f"is defined twice; first on line {first[name]}.", "Keep one of them.")
        first.setdefault(name, source.line(at))
    for reserved in (UNKNOWN, MODEL_ERROR):
        if first and reserved not in first:
            message = "is missing; every taxonomy needs it."
            yield source.problem(("labels",), reserved, message, f"Add a label named {reserved!r}.")


def _aliases(source: Source) -> Iterator[Problem]:
    """Two labels may not share an alias, and an alias may not be another label's name, format aside."""
    owners = {normalise(name): name for _, name, _ in _written(source)}
    for index, name, aliases in _written(source):
        for position, alias in enumerate(aliases):
            owner = owners.setdefault(normalise(alias), name)
            if owner != name:
                at = ("labels", index, "aliases", position)
                message = f"is an alias of {name!r} and already means {owner!r}."
                yield source.problem(at, alias, message, "Keep it with one label.")
