"""What answers requests at one moment: one frozen object, so that no answer can mix two releases."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import orjson
from cachetools import LRUCache

from mapper_domain.catalog import Catalog
from mapper_domain.events import Versions
from mapper_domain.ladder import DEFAULT_THRESHOLD, Answer, Trust
from mapper_domain.privacy import lexicon, may_store
from mapper_domain.prompt import PROMPT_VERSION
from mapper_domain.rules import RuleMapper
from mapper_serving.engines.base import Engine

RULES = "rules"
"""Stands where a release id would, when no release is involved."""


class Question(NamedTuple):
    """What an answer depends on within one release."""

    detector: str
    field: str | None
    label: str
    description: str = ""


@dataclass(frozen=True, eq=False)
class Serving:
    """A release in service, or the rules alone.

    Attributes:
        versions: of everything an answer depends on; `versions.release` is `rules` without a release.
        known: answers computed at promotion for every label of the catalogue.
        engine: None without a release.
        words: words that may be stored as part of a label (`mapper_domain.privacy`).
        seen: answers given since this release began to serve, for questions `known` does not have.
        storable: whether labels of a detector may be stored as they are.
        evidence: control keys by (labels, tenant conditions).
    """

    catalog: Catalog
    rules: RuleMapper
    versions: Versions
    words: frozenset[str]
    trust: Trust = field(default_factory=Trust)
    threshold: float = DEFAULT_THRESHOLD
    known: Mapping[Question, Answer] = field(default_factory=dict)
    engine: Engine | None = None
    seen: LRUCache[Question, Answer] = field(default_factory=lambda: LRUCache(20_000))
    storable: LRUCache[tuple[str, tuple[str, ...]], bool] = field(default_factory=lambda: LRUCache(20_000))
    evidence: LRUCache[tuple[tuple[str, ...], frozenset[str]], tuple[str, ...]] = field(
        default_factory=lambda: LRUCache(5_000)
    )

    @cached_property
    def versions_json(self) -> orjson.Fragment:
        """The versions, serialised once."""
        return orjson.Fragment(self.versions.model_dump_json())

    def may_store(self, detector: str, labels: tuple[str, ...]) -> bool:
        """Whether all these labels may be stored as the detector said them."""
        key = (detector, labels)
        found = self.storable.get(key)
        if found is None:
            known = self.catalog.by_name.get(detector)
            found = all(may_store(label, known, self.words) for label in labels)
            self.storable[key] = found
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
