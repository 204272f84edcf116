"""Compliance frameworks: complete control catalogues by edition, and which labels are evidence for which control."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Literal

from pydantic import Field

from mapper_domain.value import Value

Role = Literal["detective", "exception", "record", "governance"]
"""What an event proves: a detective control ran, a potential exception occurred, the record itself, or a change."""


class Control(Value):
    """One control of one edition, in our own words (the standards' texts are copyrighted).

    Attributes:
        id: the edition's own id, for example `CC7.2` or `A.8.15`.
        summary: one line, ours.
        supported: False where detector events can give no evidence (shown as such, never left out).
        supersedes: ids of the previous edition this control takes over, as `edition:id`.
    """

    id: str
    summary: str
    supported: bool = True
    supersedes: tuple[str, ...] = ()


class Framework(Value):
    """One edition of one framework; every control is listed, mapped or not.

    Attributes:
        key: for example `SOC2`.
        edition: for example `2017`, `2022`, `45CFR164`.
        status: `current` or `superseded`.
    """

    key: str
    edition: str
    title: str
    status: Literal["current", "superseded"]
    controls: tuple[Control, ...]

    def key_of(self, control: Control) -> str:
        """Edition-qualified key, for example `SOC2@2017:CC7.2`."""
        return f"{self.key}@{self.edition}:{control.id}"


class Evidence(Value):
    """One row of the label-to-control mapping.

    Attributes:
        label: a label, a label prefix such as `PII`, or `*` for every label.
        control: edition-qualified control key.
        role: what such an event proves for this control.
        condition: empty, or a tenant condition such as `tenant.scope.hipaa`.
        rationale: why, in one line.
    """

    label: str
    control: str
    role: Role
    condition: str = ""
    rationale: str = ""

    def covers(self, label: str) -> bool:
        """Whether this row speaks of the label itself or of one of its ancestors."""
        return self.label == "*" or label == self.label or label.startswith(self.label + ".")


class Frameworks(Value):
    """All framework editions and the mapping between labels and controls.

    Attributes:
        version: version of the mapping set, for example `2026.11`.
        editions: complete catalogues.
        evidence: mapping rows.
        resolutions: short ids such as `SOC2:CC7.2` or `ISO27001:A.12.4.1` to edition-qualified keys.
    """

    version: str
    editions: tuple[Framework, ...]
    evidence: tuple[Evidence, ...]
    resolutions: Mapping[str, str] = Field(default_factory=dict)

    @cached_property
    def controls(self) -> Mapping[str, Control]:
        """Every control by edition-qualified key."""
        return {edition.key_of(control): control for edition in self.editions for control in edition.controls}

    def evidence_for(self, labels: Iterable[str], conditions: frozenset[str] = frozenset()) -> tuple[Evidence, ...]:
        """Mapping rows that speak of any of the labels and whose condition, if any, holds."""
        wanted = tuple(labels)
        return tuple(
            row
            for row in self.evidence
            if (not row.condition or row.condition in conditions) and any(row.covers(label) for label in wanted)
        )

    def resolve(self, control: str) -> str | None:
        """Edition-qualified key of a control written with or without its edition, or None."""
        return control if control in self.controls else self.resolutions.get(control)
