"""Taxonomy files: what they may contain and which of their labels contradict each other."""

import re
from collections.abc import Mapping

from pydantic import Field

from mapper_domain.errors import Problem
from mapper_domain.parsing import Text, Texts, did_you_mean, parse
from mapper_domain.sources import Source
from mapper_domain.taxonomy import LABEL_PATTERN, MODEL_ERROR, UNKNOWN, Label, Taxonomy
from mapper_domain.text import normalise
from mapper_domain.value import Value

VERSION = re.compile(r"\d{4}\.(0[1-9]|1[0-2])")


class _BenignPolicy(Value):
    """Which label says "nothing found", and the rules for using it."""

    label: Text
    rules: Texts


class _LabelDocument(Value):
    name: Text
    description: str = ""
    aliases: Texts = ()
    alignment: Mapping[str, Texts] = Field(default_factory=dict)
    origin: str = ""


class _TaxonomyDocument(Value):
    version: Text
    namespace: Text = "canonical"
    notes: str = ""
    benign_policy: _BenignPolicy | None = None
    labels: tuple[_LabelDocument, ...] = Field(min_length=1)


def parse_taxonomy(source: Source, problems: list[Problem]) -> Taxonomy | None:
    """The taxonomy in a file, or None; problems are appended."""
    document = parse(source, _TaxonomyDocument, problems)
    if document is None:
        return None
    taxonomy = Taxonomy(
        version=document.version,
        namespace=document.namespace,
        labels=tuple(Label(**dict(label)) for label in document.labels),
    )
    problems.extend(_version(source, document.version))
    problems.extend(_names(source, taxonomy))
    problems.extend(_aliases(source, taxonomy))
    if document.benign_policy is not None and document.benign_policy.label not in taxonomy.names:
        remedy = did_you_mean(document.benign_policy.label, taxonomy.names)
        at = ("benign_policy", "label")
        problems.append(source.problem(at, document.benign_policy.label, "is not a label of this taxonomy.", remedy))
    return taxonomy


def _version(source: Source, version: str) -> list[Problem]:
    if VERSION.fullmatch(version):
        return []
    return [source.problem(("version",), version, "is not a version.", "Write year and month, for example '2026.11'.")]


def _names(source: Source, taxonomy: Taxonomy) -> list[Problem]:
    problems = []
    first: dict[str, int | None] = {}
    for index, label in enumerate(taxonomy.labels):
        at = ("labels", index, "name")
        if not LABEL_PATTERN.fullmatch(label.name):
            remedy = "Write CATEGORY.Name with letters, digits and '_', for example 'PII.Contact.Email'."
            problems.append(source.problem(at, label.name, "is not a label name.", remedy))
        if label.name in first:
            earlier = f"is defined twice; first on line {first[label.name]}."
            problems.append(source.problem(at, label.name, earlier, "Keep one of them."))
        first.setdefault(label.name, source.line(at))
    for reserved in (UNKNOWN, MODEL_ERROR):
        if reserved not in first:
            message = "is missing; every taxonomy needs it."
            problems.append(source.problem(("labels",), reserved, message, f"Add a label named {reserved!r}."))
    return problems


def _aliases(source: Source, taxonomy: Taxonomy) -> list[Problem]:
    """Two labels may not share an alias, and an alias may not be another label's name, format aside."""
    problems = []
    owners = {normalise(label.name): label.name for label in taxonomy.labels}
    for index, label in enumerate(taxonomy.labels):
        for position, alias in enumerate(label.aliases):
            owner = owners.setdefault(normalise(alias), label.name)
            if owner != label.name:
                at = ("labels", index, "aliases", position)
                message = f"is an alias of {label.name!r} and already means {owner!r}."
                problems.append(source.problem(at, alias, message, "Keep it with one label."))
    return problems
