"""The mapping file, `frameworks/mappings.yaml`: which labels are evidence for which control, in its two forms.

It is written as rows (label or category, control, role, condition, rationale), or in the founding short form
(`frameworks: {SOC2: {CC7.2: …}}`, `mappings: {LABEL: [SOC2:CC7.2, …]}`), which means role `detective`.
"""

import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from mapper_domain.errors import Problem
from mapper_domain.frameworks import Control, Evidence, Framework, Frameworks, Role
from mapper_domain.parsing import NOT_EMPTY, Text, did_you_mean, one_or_many, parse, wrong
from mapper_domain.sources import Source
from mapper_domain.value import Value

META = "META"
"""Stands for the pipeline's own records in place of a label: no event has it, report writers look for it."""

VERSION = re.compile(r"\d{4}\.(0[1-9]|1[0-2])|v\d+(\.\d+)*")
CONDITION = re.compile(r"tenant\.scope\.[a-z0-9][a-z0-9_-]*")


def _known_branch(label: str, info: ValidationInfo) -> str:
    branches = info.context["branches"] if info.context else None
    if branches is not None and label not in branches:
        remedy = did_you_mean(label, branches) or "Add it to the taxonomy first."
        raise wrong("is neither a label of the taxonomy nor the beginning of one.", remedy)
    return label


def _known_category(code: str, info: ValidationInfo) -> str:
    codes = info.context["categories"] if info.context else {code}
    if code not in codes:
        raise wrong("is not a category.", did_you_mean(code, codes) or "Define it under `categories:`.")
    return code


def _known_control(written: str, info: ValidationInfo) -> str:
    """The edition-qualified key of a control as written; as written when its catalogue could not be read."""
    if info.context is None:
        return written
    frameworks: Frameworks = info.context["frameworks"]
    key = frameworks.resolve(written)
    if key is None:
        if written.partition(":")[0].partition("@")[0] in info.context["unread"]:
            return written
        known = {*frameworks.controls, *frameworks.resolutions}
        remedy = did_you_mean(written, known) or "Write it as its catalogue does, for example 'SOC2:CC7.2'."
        raise wrong("is not a control of any framework here.", remedy)
    if not frameworks.controls[key].supported:
        remedy = "Map to another control or mark it supported."
        raise wrong("is marked unsupported: detector events give no evidence for it.", remedy)
    return key


def _version(text: str) -> str:
    if not VERSION.fullmatch(text):
        raise wrong("is not a version.", "Write year and month, for example '2026.11', or 'v1.0'.")
    return text


def _condition(text: str) -> str:
    if text and not CONDITION.fullmatch(text):
        raise wrong("is not a condition.", "Write for example 'tenant.scope.hipaa'.")
    return text


_Branch = Annotated[Text, AfterValidator(_known_branch)]
_Branches = Annotated[tuple[_Branch, ...], BeforeValidator(one_or_many)]
_Categories = Annotated[tuple[Annotated[Text, AfterValidator(_known_category)], ...], BeforeValidator(one_or_many)]
_Control = Annotated[Text, AfterValidator(_known_control)]
_Roles = Annotated[tuple[Role, ...], BeforeValidator(one_or_many), NOT_EMPTY]
_Version = Annotated[Text, AfterValidator(_version)]


class _Row(Value):
    control: _Control
    labels: _Branches = ()
    categories: _Categories = ()
    role: _Roles
    condition: Annotated[str, AfterValidator(_condition)] = ""
    rationale: Text


def _about_something(row: _Row) -> _Row:
    if not row.labels and not row.categories:
        message = "is mapped to neither labels nor categories."
        raise wrong(message, "Add `labels:` or `categories:`.", value=row.control)
    return row


class _RowsDocument(Value):
    version: _Version
    notes: str = ""
    categories: Mapping[str, Annotated[_Branches, NOT_EMPTY]] = Field(default_factory=dict)
    mappings: Annotated[tuple[Annotated[_Row, AfterValidator(_about_something)], ...], NOT_EMPTY]

    def evidence(self) -> Iterator[Evidence]:
        """One piece of evidence for each label and role of each row."""
        expansions = {**self.categories, META: (META,)}
        for row in self.mappings:
            branches = (*row.labels, *(label for code in row.categories for label in expansions[code]))
            for label in branches:
                for role in row.role:
                    yield Evidence(
                        label=label, control=row.control, role=role, condition=row.condition, rationale=row.rationale
                    )


class _FoundingDocument(Value):
    version: _Version
    notes: str = ""
    frameworks: Mapping[str, Annotated[Mapping[str, Text], NOT_EMPTY]] = Field(default_factory=dict)
    mappings: Annotated[
        Mapping[_Branch, Annotated[tuple[_Control, ...], BeforeValidator(one_or_many)]],
        NOT_EMPTY,
    ]

    def evidence(self) -> Iterator[Evidence]:
        """One piece of evidence for each label and control."""
        for label, controls in self.mappings.items():
            for control in controls:
                yield Evidence(label=label, control=control, role="detective")


def parse_mappings(
    source: Source,
    editions: Sequence[Framework],
    unread: Container[str],
    labels: Collection[str] | None,
    problems: list[Problem],
) -> Frameworks | None:
    """Editions and mapping together, or None when the mapping file cannot be read; problems are appended.

    Args:
        source: the mapping file.
        editions: every edition that could be read.
        unread: keys of frameworks with an edition that could not be; their controls are not checked.
        labels: what canonical labels there are; None when that is not known, and then they are not checked.
        problems: collects.
    """
    written = source.value if isinstance(source.value, dict) else {}
    listed = _listed(written)
    described = {edition.key for edition in editions}
    own = [_own_edition(key, str(written.get("version")), ids) for key, ids in listed.items() if key not in described]
    everything = tuple(sorted((*editions, *own), key=lambda e: (e.key, e.edition)))
    known = Frameworks(version="", editions=everything, evidence=(), resolutions=_short_ids(everything))
    categories = written.get("categories")
    context = {
        "branches": None if labels is None else {"*", META, *_branches(labels)},
        "categories": {META, *(categories if isinstance(categories, dict) else ())},
        "frameworks": known,
        "unread": unread,
    }
    founding = isinstance(written.get("mappings"), dict)
    shape: type[_RowsDocument] | type[_FoundingDocument] = _FoundingDocument if founding else _RowsDocument
    document = parse(source, shape, problems, context)
    for key, ids in listed.items():
        for id_ in ids:
            if key not in unread and known.resolve(f"{key}:{id_}") is None:
                remedy = did_you_mean(f"{key}:{id_}", known.resolutions) or "Remove it."
                problems.append(source.problem(("frameworks", key, id_), id_, f"is not a control of {key}.", remedy))
    if document is None:
        return None
    evidence = tuple(dict.fromkeys(document.evidence()))
    return known.model_copy(update={"version": document.version, "evidence": evidence})


def _branches(labels: Iterable[str]) -> Iterator[str]:
    """Every label, and everything a label begins with up to a dot."""
    for label in labels:
        yield from (label.rsplit(".", cut)[0] for cut in range(label.count(".") + 1))


def _listed(written: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    """Controls a founding file lists by framework, as far as they are written as such."""
    frameworks = written.get("frameworks")
    found = frameworks.items() if isinstance(frameworks, dict) else ()
    return {key: {id_: str(text) for id_, text in ids.items()} for key, ids in found if isinstance(ids, dict)}


def _own_edition(key: str, version: str, controls: Mapping[str, str]) -> Framework:
    """A framework that only the founding file describes: what it lists is all there is of it."""
    listed = tuple(Control(id=id_, summary=summary) for id_, summary in controls.items())
    return Framework(key=key, edition=version, title=key, status="current", controls=listed)


def _short_ids(editions: Iterable[Framework]) -> Mapping[str, str]:
    """`KEY:id` to the edition-qualified key; the current edition wins over superseded ones, later over earlier."""
    ranked = sorted(editions, key=lambda e: (e.status == "current", e.edition))
    return {f"{e.key}:{c.id}": e.key_of(c) for e in ranked for c in e.controls}
