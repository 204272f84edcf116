"""The mapping file, `frameworks/mappings.yaml`: which labels are evidence for which control, in its two forms.

It is written as rows (label or category, control, role, condition, rationale), or in the founding short form
(`frameworks: {SOC2: {CC7.2: …}}`, `mappings: {LABEL: [SOC2:CC7.2, …]}`), which means role `detective`.
"""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Annotated

from pydantic import BeforeValidator, Field

from mapper_domain.errors import Problem
from mapper_domain.frameworks import Control, Evidence, Framework, Frameworks, Role
from mapper_domain.parsing import Text, Texts, did_you_mean, one_or_many, parse
from mapper_domain.sources import Location, Source
from mapper_domain.taxonomy import Taxonomy
from mapper_domain.value import Value

META = "META"
"""Stands for the pipeline's own records in place of a label: no event has it, report writers look for it."""

VERSION = re.compile(r"\d{4}\.(0[1-9]|1[0-2])|v\d+(\.\d+)*")
CONDITION = re.compile(r"tenant\.scope\.[a-z0-9][a-z0-9_-]*")


class _Row(Value):
    control: Text
    labels: Texts = ()
    categories: Texts = ()
    role: Annotated[tuple[Role, ...], BeforeValidator(one_or_many), Field(min_length=1)]
    condition: str = ""
    rationale: Text


class _RowsDocument(Value):
    version: Text
    notes: str = ""
    categories: Mapping[str, Annotated[Texts, Field(min_length=1)]] = Field(default_factory=dict)
    mappings: tuple[_Row, ...] = Field(min_length=1)


class _FoundingDocument(Value):
    version: Text
    notes: str = ""
    frameworks: Mapping[str, Annotated[Mapping[str, Text], Field(min_length=1)]] = Field(default_factory=dict)
    mappings: Annotated[Mapping[str, Texts], Field(min_length=1)]


def parse_mappings(
    source: Source,
    editions: tuple[Framework, ...],
    unread: Container[str],
    taxonomy: Taxonomy | None,
    problems: list[Problem],
) -> Frameworks | None:
    """Editions and mapping together, or None when the mapping file cannot be read; problems are appended.

    Args:
        source: the mapping file.
        editions: every edition that could be read.
        unread: keys of frameworks with an edition that could not be; their controls are not checked.
        taxonomy: what labels may be; None when it could not be read, and then labels are not checked.
        problems: collects.
    """
    document = _parse_either(source, problems)
    if document is None:
        return None
    if not VERSION.fullmatch(document.version):
        remedy = "Write year and month, for example '2026.11', or 'v1.0'."
        problems.append(source.problem(("version",), document.version, "is not a version.", remedy))
    if isinstance(document, _FoundingDocument):
        editions = (*editions, *_own_editions(document, editions, unread))
    editions = tuple(sorted(editions, key=lambda e: (e.key, e.edition)))
    frameworks = Frameworks(version=document.version, editions=editions, evidence=(), resolutions=_short_ids(editions))
    reader = _Reader(source, frameworks, unread, taxonomy, problems)
    evidence = reader.founding(document) if isinstance(document, _FoundingDocument) else reader.rows(document)
    return frameworks.model_copy(update={"evidence": tuple(dict.fromkeys(evidence))})


def _parse_either(source: Source, problems: list[Problem]) -> _RowsDocument | _FoundingDocument | None:
    written = source.value
    if isinstance(written, dict) and isinstance(written.get("mappings"), dict):
        return parse(source, _FoundingDocument, problems)
    return parse(source, _RowsDocument, problems)


def _own_editions(
    document: _FoundingDocument, editions: tuple[Framework, ...], unread: Container[str]
) -> Iterator[Framework]:
    """Frameworks that only the short form describes: its list of controls is all there is of them."""
    described = {edition.key for edition in editions}
    for key, controls in document.frameworks.items():
        if key not in described and key not in unread:
            listed = tuple(Control(id=id_, summary=summary) for id_, summary in controls.items())
            yield Framework(key=key, edition=document.version, title=key, status="current", controls=listed)


def _short_ids(editions: tuple[Framework, ...]) -> Mapping[str, str]:
    """`KEY:id` to the edition-qualified key; the current edition wins over superseded ones, later over earlier."""
    ranked = sorted(editions, key=lambda e: (e.status == "current", e.edition))
    return {f"{e.key}:{c.id}": e.key_of(c) for e in ranked for c in e.controls}


class _Reader:
    """Expands rows to evidence and reports labels, categories and controls nobody knows."""

    def __init__(
        self,
        source: Source,
        frameworks: Frameworks,
        unread: Container[str],
        taxonomy: Taxonomy | None,
        problems: list[Problem],
    ) -> None:
        self._source = source
        self._unread = unread
        self._frameworks = frameworks
        self._taxonomy = taxonomy
        self._problems = problems

    def rows(self, document: _RowsDocument) -> Iterator[Evidence]:
        for code, labels in document.categories.items():
            for index, label in enumerate(labels):
                self._label(("categories", code, index), label)
        for number, row in enumerate(document.mappings):
            at = ("mappings", number)
            control = self._control((*at, "control"), row.control)
            if row.condition and not CONDITION.fullmatch(row.condition):
                remedy = "Write for example 'tenant.scope.hipaa'."
                self._report((*at, "condition"), row.condition, "is not a condition.", remedy)
            for label in self._covered(at, row, document.categories):
                for role in row.role:
                    yield Evidence(
                        label=label, control=control, role=role, condition=row.condition, rationale=row.rationale
                    )

    def founding(self, document: _FoundingDocument) -> Iterator[Evidence]:
        for key, controls in document.frameworks.items():
            for id_ in controls:
                self._control(("frameworks", key, id_), f"{key}:{id_}")
        for label, cited in document.mappings.items():
            self._label(("mappings", label), label)
            for index, written in enumerate(cited):
                control = self._control(("mappings", label, index), written)
                yield Evidence(label=label, control=control, role="detective")

    def _covered(self, at: Location, row: _Row, categories: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
        if not row.labels and not row.categories:
            self._report(at, row.control, "names neither labels nor categories.", "Add `labels:` or `categories:`.")
        for index, label in enumerate(row.labels):
            self._label((*at, "labels", index), label)
            yield label
        for index, code in enumerate(row.categories):
            if code == META:
                yield META
            elif code in categories:
                yield from categories[code]
            else:
                remedy = did_you_mean(code, [*categories, META]) or "Define it under `categories:`."
                self._report((*at, "categories", index), code, "is not a category.", remedy)

    def _label(self, at: Location, label: str) -> None:
        if self._taxonomy is None or label in ("*", META):
            return
        prefixes = {n.rsplit(".", i)[0] for n in self._taxonomy.names for i in range(n.count(".") + 1)}
        if label not in prefixes:
            remedy = did_you_mean(label, prefixes) or "Add it to the taxonomy first."
            self._report(at, label, "is neither a label of the taxonomy nor the beginning of one.", remedy)

    def _control(self, at: Location, written: str) -> str:
        key = self._frameworks.resolve(written)
        if key is None:
            if written.partition(":")[0].partition("@")[0] not in self._unread:
                known = {*self._frameworks.controls, *self._frameworks.resolutions}
                remedy = did_you_mean(written, known) or "Write it as its catalogue does, for example 'SOC2:CC7.2'."
                self._report(at, written, "is not a control of any framework here.", remedy)
        elif not self._frameworks.controls[key].supported:
            message = "is marked unsupported: detector events give no evidence for it."
            self._report(at, written, message, "Map to another control or mark it supported.")
        return key or written

    def _report(self, at: Location, value: str, message: str, remedy: str) -> None:
        self._problems.append(self._source.problem(at, value, message, remedy))
