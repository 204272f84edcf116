"""What answers requests at one moment: one frozen object, so that no answer can mix two releases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import orjson
from cachetools import LRUCache

from mapper_domain.catalog import Catalog
from mapper_domain.events import Versions
from mapper_domain.ladder import Answer, Trust
from mapper_domain.privacy import lexicon, may_store, may_store_name
from mapper_domain.prompt import PROMPT_VERSION
from mapper_domain.rules import RuleMapper
from mapper_domain.text import nearest
from mapper_serving.cache import Cache, LabelKey
from mapper_serving.engines.base import Engine
from mapper_serving.releases.tally import Tally

if TYPE_CHECKING:
    from mapper_serving.recording import Form

FormKey = tuple[str, str, str, str | None, tuple[str, ...]]
"""Tenant, detector, its version as sent, environment as sent, labels as sent."""

RULES = "rules"
"""Stands where a release id would, when no release is involved."""

LOOKALIKE = 0.8
"""Least similarity of a known detector's name to an unknown one at which the event's note asks whether it was meant."""


@dataclass(frozen=True, eq=False)
class Serving:
    """A release in service, or the rules alone.

    Attributes:
        versions: of everything an answer depends on; `versions.release` is `rules` without a release.
        known: answers computed at promotion for every label of the catalogue, by detector, field and label.
        engine: None without a release.
        words: words that may be stored as part of a label (`mapper_domain.privacy`).
        storable: whether labels of a detector may be stored as they are.
        hints: what a reader is told of an unknown detector's name.
        tally: what became of its answers in the last minutes.
        evidence: control keys by (labels, tenant conditions).
        forms: rows without their time and id (`mapper_serving.recording`), by what they are about.
    """

    catalog: Catalog
    rules: RuleMapper
    versions: Versions
    words: frozenset[str]
    trust: Trust = field(default_factory=Trust)
    known: Mapping[LabelKey, Answer] = field(default_factory=dict)
    engine: Engine | None = None
    tally: Tally = field(default_factory=Tally)
    storable: LRUCache[tuple[str, tuple[str, ...]], bool] = field(default_factory=lambda: LRUCache(20_000))
    hints: LRUCache[str, str] = field(default_factory=lambda: LRUCache(5_000))
    evidence: LRUCache[tuple[tuple[str, ...], frozenset[str]], tuple[str, ...]] = field(
        default_factory=lambda: LRUCache(5_000)
    )
    forms: "LRUCache[FormKey, Form]" = field(default_factory=lambda: LRUCache(5_000))

    @cached_property
    def cache(self) -> Cache:
        """Answers that need no model."""
        return Cache(self.rules, self.known, self.trust)

    @cached_property
    def versions_json(self) -> orjson.Fragment:
        """The versions, serialised once."""
        return orjson.Fragment(self.versions.model_dump_json())

    @cached_property
    def version_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The versions as raw HTTP headers, encoded once."""
        values = (self.versions.taxonomy, self.versions.frameworks, self.versions.release)
        names = (b"x-taxonomy-version", b"x-frameworks-version", b"x-release")
        return tuple(zip(names, (value.encode() for value in values), strict=True))

    def may_store(self, detector: str, labels: tuple[str, ...]) -> bool:
        """Whether all these labels may be stored as the detector said them."""
        key = (detector, labels)
        found = self.storable.get(key)
        if found is None:
            known = self.catalog.by_name.get(detector)
            found = all(may_store(label, known, self.words) for label in labels)
            self.storable[key] = found
        return found

    def may_store_name(self, detector: str) -> bool:
        """Whether a detector's name may be stored: some YAML has it, or every word of it is known."""
        return detector in self.catalog.by_name or may_store_name(detector, self.words)

    def hint(self, detector: str) -> str:
        """One sentence for events of a detector that no YAML describes; never holds the name itself."""
        found = self.hints.get(detector)
        if found is None:
            near = nearest(detector, self.catalog.by_name, limit=1, cutoff=LOOKALIKE)
            found = "No YAML describes this detector" + (f"; was {near[0]} meant?" if near else ".")
            self.hints[detector] = found
        return found

    def controls(self, labels: tuple[str, ...], conditions: frozenset[str]) -> tuple[str, ...]:
        """Keys of the controls these labels are evidence for, sorted."""
        key = (labels, conditions)
        found = self.evidence.get(key)
        if found is None:
            rows = self.catalog.frameworks.evidence_for(labels, conditions)
            found = tuple(sorted({row.control for row in rows}))
            self.evidence[key] = found
        return found


def rules_only(catalog: Catalog) -> Serving:
    """The state without a release."""
    return Serving(
        catalog=catalog, rules=RuleMapper(catalog), versions=versions(catalog, RULES), words=lexicon(catalog)
    )


def versions(catalog: Catalog, release: str) -> Versions:
    """Versions of a catalogue in a release."""
    return Versions(
        taxonomy=catalog.taxonomy.version,
        frameworks=catalog.frameworks.version,
        release=release,
        catalog=catalog.sha256,
        prompt=PROMPT_VERSION,
    )
