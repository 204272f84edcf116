"""Detectors: their vocabulary, what each label means in the taxonomy, and how their native output is read."""

from collections.abc import Mapping
from functools import cached_property
from typing import Literal

from pydantic import Field

from mapper_domain.payloads import SCORED_LABELS, Payload
from mapper_domain.value import Value

Relation = Literal["any", "all"]


class LabelMapping(Value):
    """What one native label of one detector means.

    Attributes:
        label: the detector's own string, exactly as it emits it.
        taxonomy: canonical labels, the primary one first.
        relation: `any`, one of them is meant and the first is given; `all`, every one applies.
        field: the part of the output the label appears in, where the same string means different things.
        description: the vendor's meaning in our words.
        ambiguous: experts differ; never gate on it.
        opaque: meaningless without the detector's own key, for example `S5`.
        note: anything a reviewer should know.
    """

    label: str
    taxonomy: tuple[str, ...] = Field(min_length=1)
    relation: Relation = "any"
    field: str | None = None
    description: str = ""
    ambiguous: bool = False
    opaque: bool = False
    note: str = ""

    @property
    def canonical(self) -> tuple[str, ...]:
        """The labels an event carries for this finding: all of them, or the primary one."""
        return self.taxonomy if self.relation == "all" else self.taxonomy[:1]


class Detector(Value):
    """One detector as its YAML describes it.

    Attributes:
        name: lower-case name, also the file name.
        version: vendor's version the vocabulary was read from.
        kind: what it looks for: pii, secrets, moderation, toxicity, prompt-injection, code, red-team, mixed.
        threshold: confidence below which rules take over; None means the product's default.
        maps: its vocabulary, in file order, unique by (field, label).
    """

    name: str
    version: str
    vendor: str = ""
    kind: str = ""
    source: str = ""
    notes: str = ""
    output_shape: str = ""
    threshold: float | None = Field(default=None, ge=0.0, le=1.0)
    payload: Payload | None = None
    maps: tuple[LabelMapping, ...]

    @cached_property
    def by_label(self) -> Mapping[tuple[str | None, str], LabelMapping]:
        """Mappings by (field, label)."""
        return {(mapping.field, mapping.label): mapping for mapping in self.maps}

    @property
    def native(self) -> Payload:
        """How its answers read: as declared, else as the scored labels of a text classifier."""
        return self.payload or SCORED_LABELS

    def find(self, label: str, field: str | None = None) -> LabelMapping | None:
        """The mapping of exactly this string, first in the given field, then in any."""
        return self.by_label.get((field, label)) or self.by_label.get((None, label))
