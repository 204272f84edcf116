"""Labels that came in events and that nobody has mapped, and who may see them.

A label of one tenant is that tenant's word. A file everybody works on holds only what two tenants sent, or what
consists of the catalogue's own words; the rest goes to a file of its tenant. That is stricter than what may be stored
(`mapper_domain.privacy`), because a proposal is meant to be merged into a catalogue all tenants share.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from mapper_domain.catalog import Catalog
from mapper_domain.errors import InvalidTenant
from mapper_domain.events import BETWEEN_LABELS
from mapper_domain.layout import Layout
from mapper_domain.privacy import is_hashed_name, is_label_like, is_name, lexicon, may_store_name
from mapper_domain.proposals import Term, Vocabulary, catalogue_name
from mapper_domain.rules import AUDITED, RuleMapper

SHARED = ""
"""Stands for everybody where a tenant could stand."""


class Sighting(NamedTuple):
    """A label of a detector, in how many of a tenant's events it was seen."""

    tenant: str
    detector: str
    label: str
    events: int


class Seen(NamedTuple):
    """How often a label was seen: in how many events, of how many tenants."""

    events: int
    tenants: int


class Unmapped(NamedTuple):
    """What of one detector nobody has mapped.

    Attributes:
        tenant: whose words these are; `SHARED` where they are no single tenant's.
        labels: most frequent first.
    """

    tenant: str
    detector: str
    labels: Mapping[str, Seen]

    def vocabulary(self, catalog: Catalog) -> Vocabulary:
        """The labels as a vocabulary, with what the catalogue knows of the detector."""
        known = catalog.by_name.get(self.detector)
        terms = tuple(Term(label=label) for label in self.labels)
        about = {"kind": known.kind, "version": known.version} if known else {}
        return Vocabulary(detector=self.detector, terms=terms, **about)


def sightings(layout: Layout, since: date) -> tuple[list[Sighting], list[str]]:
    """Labels in the events of all tenants from a UTC day on, and what is wrong with segments that were left out."""
    from mapper_assets.reporting.segments import read_events

    found: list[Sighting] = []
    problems: list[str] = []
    for folder in sorted(layout.events.glob("tenant=*/day=*")):
        tenant, day = (part.partition("=")[2] for part in folder.parts[-2:])
        if day < since.isoformat():
            continue
        try:
            rows = read_events(layout, tenant, day)
        except InvalidTenant as error:
            problems.append(str(error))
            continue
        problems += rows.problems
        named = rows.frame.dropna(subset=["source_label"])
        counts = Counter(zip(named["detector"], named["source_label"], strict=True))
        found += [Sighting(tenant, detector, label, events) for (detector, label), events in sorted(counts.items())]
    return found, problems


def unmapped(found: Iterable[Sighting], catalog: Catalog) -> list[Unmapped]:
    """Labels that are not reviewed, by tenant and detector, what everybody may see first.

    Whether a label is reviewed is asked of the catalogue and not of the event's route: a model may have confirmed a
    reviewed mapping, and what an older release did not know may be reviewed since.
    """
    rules, words = RuleMapper(catalog), lexicon(catalog)
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for sighting in found:
        if is_hashed_name(sighting.detector) or not is_name(sighting.detector):
            continue
        detector = catalogue_name(sighting.detector)
        for label in sighting.label.split(BETWEEN_LABELS):
            hit = rules.find(detector, label)
            if label.strip() and (hit is None or hit.match not in AUDITED):
                counts[detector, label][sighting.tenant] += sighting.events
    senders: dict[str, set[str]] = defaultdict(set)
    for (detector, _), tenants in counts.items():
        senders[detector] |= tenants.keys()
    common = {d for d, who in senders.items() if len(who) > 1 or d in catalog.by_name or may_store_name(d, words)}
    grouped: dict[tuple[str, str], dict[str, Seen]] = defaultdict(dict)
    for (detector, label), tenants in counts.items():
        if detector in common and (len(tenants) > 1 or is_label_like(label, words)):
            grouped[SHARED, detector][label] = Seen(tenants.total(), len(tenants))
            continue
        for tenant, events in tenants.items():
            grouped[tenant, detector][label] = Seen(events, 1)
    return [Unmapped(*key, dict(sorted(grouped[key].items(), key=_often))) for key in sorted(grouped)]


def _often(item: tuple[str, Seen]) -> tuple[int, str]:
    label, seen = item
    return -seen.events, label
