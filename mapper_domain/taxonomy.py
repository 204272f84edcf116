"""Labels and the taxonomy they form. No files here: `catalog` reads them."""

import re
from collections.abc import Mapping
from functools import cached_property

from pydantic import Field

from mapper_domain.text import nearest
from mapper_domain.value import Value

LABEL_PATTERN = re.compile(r"[A-Z][A-Z0-9_]*(\.[A-Za-z0-9_]+)+")
SAFE = "OTHER.Safe"
UNKNOWN = "OTHER.Unknown"
MODEL_ERROR = "OTHER.ModelError"


class Label(Value):
    """One canonical label.

    Attributes:
        name: dotted path, for example `PII.Identifier.SSN`; the first segment is the category.
        description: one sentence saying what belongs here.
        aliases: other names for the same thing, used by rules and as training rows.
        alignment: ids in outside hazard lists, for example `{"owasp_llm_2025": ("LLM02",)}`.
        origin: where the name came from: `founding` design, `adopted` from the first public taxonomy, or `new`.
    """

    name: str
    description: str = ""
    aliases: tuple[str, ...] = ()
    alignment: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    origin: str = ""

    @property
    def category(self) -> str:
        """First segment of the name, for example `PII`."""
        return self.name.split(".", 1)[0]


class Taxonomy(Value):
    """All canonical labels of one version, in file order.

    Attributes:
        version: `YYYY.MM`; changes whenever a label is added, removed or renamed.
        namespace: owner of the label names.
        labels: at least `OTHER.Unknown`; unique by name.
    """

    version: str
    namespace: str = "canonical"
    labels: tuple[Label, ...]

    @cached_property
    def names(self) -> frozenset[str]:
        """Names of all labels."""
        return frozenset(label.name for label in self.labels)

    @cached_property
    def by_name(self) -> Mapping[str, Label]:
        """Labels by name."""
        return {label.name: label for label in self.labels}

    @cached_property
    def categories(self) -> tuple[str, ...]:
        """Categories in order of first appearance."""
        return tuple(dict.fromkeys(label.category for label in self.labels))

    def suggest(self, name: str) -> str | None:
        """The valid label nearest to a misspelt one, or None when nothing is near."""
        return next(iter(nearest(name, sorted(self.names), limit=1)), None)
