"""The rule mapper: what reviewed YAML and the taxonomy's own names say about a label. Never matches substrings."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum

from mapper_domain.catalog import Catalog
from mapper_domain.detectors import LabelMapping
from mapper_domain.text import normalise, singular, spelling_keys, words
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
    2. `format`: the detector's YAML has one label that differs in case, separators, camelCase, plural or
       decoration only (`mapper_domain.text.spelling_keys`).
    3. `alias`: the taxonomy has one label with that name, leaf name or alias, format aside.
    4. `elsewhere`: every other detector that has this label, format aside, agrees on its primary meaning.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._formats = {d.name: _format_index(d.maps) for d in catalog.detectors}
        self._aliases = _alias_index(catalog)
        self._elsewhere = _elsewhere_index(catalog)

    @property
    def vocabulary(self) -> Mapping[tuple[str, str | None, str], RuleHit]:
        """The hit of every label of the catalogue, by detector, field and label."""
        return {
            (detector.name, mapping.field, mapping.label): RuleHit(labels=mapping.canonical, match=Match.EXACT)
            for detector in self._catalog.detectors
            for mapping in detector.maps
        }

    @property
    def spellings(self) -> Mapping[tuple[str, str], RuleHit]:
        """By detector and normal form, the hit of every label that is spelt as none of the catalogue but is one."""
        return {
            (detector, form): RuleHit(labels=labels, match=Match.FORMAT)
            for detector, forms in self._formats.items()
            for form, labels in forms.items()
        }

    def find(self, detector: str, label: str, field: str | None = None) -> RuleHit | None:
        """The strongest hit for a label of a detector (known or not), or None."""
        known = self._catalog.by_name.get(detector)
        if known is not None and (exact := known.find(label, field)):
            return RuleHit(labels=exact.canonical, match=Match.EXACT)
        keys = spelling_keys(label, prefixes=words(detector))
        indexes = (
            (Match.FORMAT, self._formats.get(detector, {})),
            (Match.ALIAS, self._aliases),
            (Match.ELSEWHERE, self._elsewhere),
        )
        for match, index in indexes:
            for key in keys:
                if labels := index.get(key):
                    return RuleHit(labels=labels, match=match)
        return None


def _keys(text: str) -> tuple[str, ...]:
    """Keys a known label is filed under: its normal form and the singular of it, never without decoration."""
    return tuple(dict.fromkeys((normalise(text), "".join(singular(word) for word in words(text)))))


def _format_index(maps: tuple[LabelMapping, ...]) -> Mapping[str, tuple[str, ...]]:
    return _agreed((mapping.label, mapping.canonical) for mapping in maps)


def _alias_index(catalog: Catalog) -> Mapping[str, tuple[str, ...]]:
    names: list[tuple[str, tuple[str, ...]]] = []
    for label in catalog.taxonomy.labels:
        leaf = label.name.rsplit(".", 1)[1]
        names += [(text, (label.name,)) for text in (*label.aliases, *(() if leaf == "Other" else (leaf,)))]
    return {**_agreed(names), **{normalise(label.name): (label.name,) for label in catalog.taxonomy.labels}}


def _elsewhere_index(catalog: Catalog) -> Mapping[str, tuple[str, ...]]:
    return _agreed((m.label, m.canonical) for d in catalog.detectors for m in d.maps if not m.opaque)


def _agreed(meanings: Iterable[tuple[str, tuple[str, ...]]]) -> Mapping[str, tuple[str, ...]]:
    """Meanings by key, where all that share a key agree. A label's own normal form outranks another's singular."""
    own: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    loose: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for text, labels in meanings:
        own[normalise(text)].add(labels)
        for key in _keys(text)[1:]:
            loose[key].add(labels)
    found = {key: next(iter(same)) for key, same in own.items() if key and len(same) == 1}
    return found | {key: next(iter(s)) for key, s in loose.items() if key and len(s) == 1 and key not in own}
