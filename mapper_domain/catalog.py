"""The whole catalogue: taxonomy, detectors and frameworks, read once, frozen and content-hashed.

The one module of the domain that reads files. Parsing of each kind lives beside its loader:
`sources` (YAML with line numbers), `parsing` (documents to values, collecting every problem).
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

from mapper_domain.detectors import Detector
from mapper_domain.errors import UnknownDetector
from mapper_domain.frameworks import Frameworks
from mapper_domain.taxonomy import Taxonomy
from mapper_domain.text import nearest
from mapper_domain.value import Value


def content_hash(value: Value | Iterable[Value]) -> str:
    """SHA-256 (hex) of the canonical JSON of parsed values, so comments and key order in YAML do not count."""
    items = value.model_dump(mode="json") if isinstance(value, Value) else [v.model_dump(mode="json") for v in value]
    text = json.dumps(items, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class Catalog(Value):
    """Taxonomy, detectors and frameworks that were validated against each other.

    Attributes:
        taxonomy: the current taxonomy.
        detectors: sorted by name.
        frameworks: control catalogues and mappings.
    """

    taxonomy: Taxonomy
    detectors: tuple[Detector, ...]
    frameworks: Frameworks

    @cached_property
    def by_name(self) -> Mapping[str, Detector]:
        """Detectors by name."""
        return {detector.name: detector for detector in self.detectors}

    @cached_property
    def sha256(self) -> str:
        """Content hash of the whole catalogue."""
        return content_hash((self.taxonomy, *self.detectors, self.frameworks))

    def detector(self, name: str) -> Detector:
        """The detector of that name.

        Raises:
            UnknownDetector: with the nearest known names.
        """
        try:
            return self.by_name[name]
        except KeyError:
            raise UnknownDetector(name, nearest(name, self.by_name)) from None

    def without(self, detectors: Iterable[str]) -> "Catalog":
        """The same catalogue as if these detectors had never been described (for leave-detectors-out evaluation)."""
        hidden = frozenset(detectors)
        return self.model_copy(update={"detectors": tuple(d for d in self.detectors if d.name not in hidden)})


def load(root: Path) -> Catalog:
    """Read and validate `root/taxonomy`, `root/detectors` and `root/frameworks`.

    Raises:
        CatalogError: with every problem in every file, each with file, line, value and remedy.
    """
    raise NotImplementedError
