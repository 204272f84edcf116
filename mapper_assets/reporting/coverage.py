"""Coverage of a day: what was watched, by whom, when, and what nobody could see.

Two views: every control of every framework in scope (`controls`), and the detectors a tenant promised against
those that were heard. Silence is stated, never left out.
"""

from collections.abc import Mapping
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from pydantic import AwareDatetime

from mapper_assets.reporting.controls import FrameworkCoverage, cover, label_control_pairs
from mapper_assets.reporting.segments import read_events
from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout
from mapper_domain.taxonomy import Taxonomy
from mapper_domain.value import Value

if TYPE_CHECKING:
    import pandas as pd


class Silence(Value):
    """Whole UTC hours without an event of a detector, half-open: from `start` to `end`, each 0 to 24."""

    start: int
    end: int


class DetectorCoverage(Value):
    """One detector on one day. A run that found nothing is an event too, so silence means it was not heard at all.

    Attributes:
        expected: the tenant promised to run it (named in at least one event's policy context).
        described: the catalogue has a YAML for it.
        versions: versions it reported, sorted.
        events: accepted events it caused.
        hours: events by UTC hour, 24 numbers.
        silent: the hours in which it was not heard.
    """

    name: str
    expected: bool
    described: bool
    versions: tuple[str, ...]
    events: int
    first_seen: AwareDatetime | None
    last_seen: AwareDatetime | None
    hours: tuple[int, ...]
    silent: tuple[Silence, ...]

    @property
    def observed_hours(self) -> int:
        """UTC hours with at least one event, 0 to 24."""
        return sum(count > 0 for count in self.hours)


class Coverage(Value):
    """What one tenant's day says about controls and detectors.

    Attributes:
        frameworks: editions in scope: the current ones, and any other an event was recorded for.
        unlisted: controls events were recorded for that no edition of the catalogue lists, with their events.
        detectors: promised or heard, by name.
        blind: taxonomy categories that no promised or heard detector has a label for.
    """

    tenant_id: str
    day: str
    frameworks: tuple[FrameworkCoverage, ...]
    unlisted: Mapping[str, int]
    detectors: tuple[DetectorCoverage, ...]
    blind: tuple[str, ...]


def build_coverage(layout: Layout, catalog: Catalog, tenant: str, day: str) -> Coverage:
    """Coverage of one tenant's UTC day (`yyyy-mm-dd`), from the intact segments below `layout`.

    Raises:
        InvalidTenant: when the tenant id could escape the folder.
    """
    events = read_events(layout, tenant, day).frame.drop_duplicates("event_id")
    return coverage(events, catalog, tenant, day)


def coverage(events: "pd.DataFrame", catalog: Catalog, tenant: str, day: str) -> Coverage:
    """Coverage of the given events, which are one tenant's of one UTC day, each once."""
    expected = sorted({name for names in events["expected_detectors"] for name in names})
    detectors = tuple(
        _detector(name, events[events["detector"] == name], name in expected, name in catalog.by_name)
        for name in sorted({*expected, *events["detector"]})
    )
    visible = _visible(catalog, detectors)
    frameworks, unlisted = cover(label_control_pairs(events), catalog, visible)
    return Coverage(
        tenant_id=tenant,
        day=day,
        frameworks=frameworks,
        unlisted=unlisted,
        detectors=detectors,
        blind=_blind(catalog.taxonomy, visible),
    )


def _detector(name: str, events: "pd.DataFrame", expected: bool, described: bool) -> DetectorCoverage:
    times = events["occurred_at"]
    by_hour = times.dt.hour.value_counts()
    hours = tuple(int(by_hour.get(hour, 0)) for hour in range(24))
    first: datetime | None = None if times.empty else times.min().to_pydatetime()
    last: datetime | None = None if times.empty else times.max().to_pydatetime()
    return DetectorCoverage(
        name=name,
        expected=expected,
        described=described,
        versions=tuple(sorted(set(events["detector_version"]))),
        events=len(events),
        first_seen=first,
        last_seen=last,
        hours=hours,
        silent=silences(hours),
    )


def silences(hours: tuple[int, ...]) -> tuple[Silence, ...]:
    """Longest runs of hours without events."""
    found = []
    for quiet, run in groupby(range(len(hours)), key=lambda hour: hours[hour] == 0):
        span = list(run)
        if quiet:
            found.append(Silence(start=span[0], end=span[-1] + 1))
    return tuple(found)


def _visible(catalog: Catalog, detectors: tuple[DetectorCoverage, ...]) -> Mapping[str, frozenset[str]]:
    """Labels each promised or heard detector can report according to its YAML; none without one."""
    return {
        detector.name: frozenset(
            label for mapping in catalog.by_name[detector.name].maps for label in mapping.canonical
        )
        if detector.described
        else frozenset()
        for detector in detectors
    }


def _blind(taxonomy: Taxonomy, visible: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    seen = {label.split(".", 1)[0] for labels in visible.values() for label in labels}
    return tuple(category for category in taxonomy.categories if category not in seen and category != "OTHER")
