"""The rule mapper: what reviewed YAML and the taxonomy's own names say about a label. Never matches substrings."""

from collections import defaultdict
from collections.abc import Mapping
from enum import StrEnum

from mapper_domain.catalog import Catalog
from mapper_domain.detectors import LabelMapping
from mapper_domain.text import normalise
from mapper_domain.value import Value


class Match(StrEnum):
    """How a rule matched, strongest first. The first two are audited facts about this very detector."""

    EXACT = "exact"
    FORMAT = "format"
    ALIAS = "alias"
    ELSEWHERE = "elsewhere"


AUDITED = frozenset({Match.EXACT, Match.FORMAT})


class RuleHit(Value):
    """What the rules say.

    Attributes:
        labels: canonical labels, primary first.
        match: how the label was recognised.
    """

    labels: tuple[str, ...]
    match: Match


class RuleMapper:
    """Looks a label up in a catalogue, in this order, and says nothing when nothing fits.

    1. `exact`: the detector's YAML has this very string.
    2. `format`: the detector's YAML has one label that differs in case, separators or camelCase only.
    3. `alias`: the taxonomy has one label with that name, leaf name or alias, format aside.
    4. `elsewhere`: every other detector that has this label, format aside, agrees on its primary meaning.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._formats = {d.name: _unambiguous(d.maps) for d in catalog.detectors}
        self._aliases = _alias_index(catalog)
        self._elsewhere = _elsewhere_index(catalog)

    def find(self, detector: str, label: str, field: str | None = None) -> RuleHit | None:
        """The strongest hit for a label of a detector (known or not), or None."""
        key = normalise(label)
        known = self._catalog.by_name.get(detector)
        if known is not None:
            if exact := known.find(label, field):
                return RuleHit(labels=exact.canonical, match=Match.EXACT)
            if key and (similar := self._formats[detector].get(key)):
                return RuleHit(labels=similar.canonical, match=Match.FORMAT)
        if not key:
            return None
        if alias := self._aliases.get(key):
            return RuleHit(labels=(alias,), match=Match.ALIAS)
        if elsewhere := self._elsewhere.get(key):
            return RuleHit(labels=elsewhere, match=Match.ELSEWHERE)
        return None


def _unambiguous(maps: tuple[LabelMapping, ...]) -> Mapping[str, LabelMapping]:
    found: dict[str, list[LabelMapping]] = defaultdict(list)
    for mapping in maps:
        found[normalise(mapping.label)].append(mapping)
    return {key: same[0] for key, same in found.items() if key and len({m.canonical for m in same}) == 1}


def _alias_index(catalog: Catalog) -> Mapping[str, str]:
    named: dict[str, set[str]] = defaultdict(set)
    full: dict[str, str] = {}
    for label in catalog.taxonomy.labels:
        full[normalise(label.name)] = label.name
        leaf = label.name.rsplit(".", 1)[1]
        for text in (*label.aliases, *(() if leaf == "Other" else (leaf,))):
            named[normalise(text)].add(label.name)
    return {key: next(iter(names)) for key, names in named.items() if key and len(names) == 1} | full


def _elsewhere_index(catalog: Catalog) -> Mapping[str, tuple[str, ...]]:
    meanings: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for detector in catalog.detectors:
        for mapping in detector.maps:
            if not mapping.opaque:
                meanings[normalise(mapping.label)].add(mapping.canonical)
    return {key: next(iter(found)) for key, found in meanings.items() if key and len(found) == 1}
