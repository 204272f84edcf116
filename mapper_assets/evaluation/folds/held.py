"""What is asked about held-out detectors, and in which ways. Nothing is answered here."""

from collections.abc import Collection
from typing import Literal

from mapper_domain.catalog import Catalog
from mapper_domain.detectors import Relation
from mapper_domain.question import Question
from mapper_domain.value import Value

Way = Literal["label", "described", "vocabulary"]
"""`label`: the detector's name and one label string; `described`: its one-line description too, where it has one;
`vocabulary`: all label strings of the detector at once, without descriptions."""

WAYS: tuple[Way, ...] = ("label", "described", "vocabulary")

Setting = Literal["strict", "shipped"]
"""`strict`: the lexicon without every string a held-out detector emits; `shipped`: the lexicon as it is."""

SETTING_NAMES: dict[Setting, str] = {
    "strict": "lexicon without the held-out strings",
    "shipped": "lexicon as shipped",
}


class HeldLabel(Value):
    """A label of a held-out detector that is neither ambiguous nor opaque.

    Attributes:
        expected: right labels, primary first.
    """

    detector: str
    label: str
    field: str | None = None
    description: str = ""
    expected: tuple[str, ...]
    relation: Relation = "any"

    def question(self, way: Way) -> Question:
        """What is asked. The detector's kind is not given away: nobody has described it."""
        description = self.description if way == "described" else ""
        return Question(detector=self.detector, label=self.label, field=self.field, description=description)


def held_labels(catalog: Catalog, fold: Collection[str]) -> tuple[HeldLabel, ...]:
    """Everything to be asked about the detectors of a fold, by detector name and in the order of its YAML."""
    return tuple(
        HeldLabel(
            detector=detector.name,
            label=mapping.label,
            field=mapping.field,
            description=mapping.description,
            expected=mapping.taxonomy,
            relation=mapping.relation,
        )
        for detector in catalog.detectors
        if detector.name in fold
        for mapping in detector.maps
        if not mapping.ambiguous and not mapping.opaque
    )


def strings(catalog: Catalog, fold: Collection[str]) -> frozenset[str]:
    """Every label string of the fold's detectors, ambiguous and opaque ones included."""
    return frozenset(m.label for detector in catalog.detectors if detector.name in fold for m in detector.maps)
