"""Groups potential exceptions of one label that follow each other closely. A grouping for the reader, not a verdict."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from pydantic import AwareDatetime

from mapper_domain.frameworks import Frameworks
from mapper_domain.value import Value

GAP = timedelta(minutes=15)


class Finding(NamedTuple):
    """What grouping needs of an event: when, who, what, and which controls it was recorded for."""

    occurred_at: datetime
    detector: str
    labels: tuple[str, ...]
    controls: tuple[str, ...]


class Incident(Value):
    """Potential exceptions of one label, each at most 15 minutes after the one before.

    Attributes:
        label: the canonical label they share.
        start: time of the first event.
        end: time of the last event.
        events: how many.
        detectors: who reported them, by name.
        controls: controls for which the mapping calls such an event a potential exception, sorted.
    """

    label: str
    start: AwareDatetime
    end: AwareDatetime
    events: int
    detectors: tuple[str, ...]
    controls: tuple[str, ...]


class ExceptionRule:
    """Which labels are potential exceptions to which controls.

    A mapping row for every label (`*`) does not mean `OTHER.*`, which is no finding; a row that names one does.
    """

    def __init__(self, frameworks: Frameworks) -> None:
        self._rows = [row for row in frameworks.evidence if row.role == "exception"]
        self._known: dict[str, frozenset[str]] = {}

    def controls(self, label: str) -> frozenset[str]:
        """Controls to which an event with this label is a potential exception."""
        if label not in self._known:
            finding = not label.startswith("OTHER.")
            rows = (row for row in self._rows if row.covers(label) and (finding or row.label != "*"))
            self._known[label] = frozenset(row.control for row in rows)
        return self._known[label]


def group(findings: Iterable[Finding], rule: ExceptionRule, gap: timedelta = GAP) -> tuple[Incident, ...]:
    """Incidents in order of their start, then label.

    Args:
        findings: events of one tenant and day, in any order.
        rule: what counts as a potential exception; an event counts only for controls it was recorded for.
        gap: greatest time between two events of one incident.
    """
    by_label: dict[str, list[Finding]] = {}
    for finding in sorted(findings):
        for label in finding.labels:
            if rule.controls(label) & frozenset(finding.controls):
                by_label.setdefault(label, []).append(finding)
    incidents = [_incident(label, run, rule) for label, found in by_label.items() for run in _runs(found, gap)]
    return tuple(sorted(incidents, key=lambda incident: (incident.start, incident.label)))


def exceptions(pairs: Mapping[tuple[tuple[str, ...], tuple[str, ...]], int], rule: ExceptionRule) -> int:
    """How many events are a potential exception to any control they were recorded for.

    Args:
        pairs: number of events by (labels, controls).
        rule: what counts as a potential exception.
    """
    return sum(
        count
        for (labels, controls), count in pairs.items()
        if any(rule.controls(label) & frozenset(controls) for label in labels)
    )


def _runs(found: list[Finding], gap: timedelta) -> Iterable[list[Finding]]:
    run = [found[0]]
    for finding in found[1:]:
        if finding.occurred_at - run[-1].occurred_at > gap:
            yield run
            run = []
        run.append(finding)
    yield run


def _incident(label: str, run: list[Finding], rule: ExceptionRule) -> Incident:
    recorded = frozenset(control for finding in run for control in finding.controls)
    return Incident(
        label=label,
        start=run[0].occurred_at,
        end=run[-1].occurred_at,
        events=len(run),
        detectors=tuple(sorted({finding.detector for finding in run})),
        controls=tuple(sorted(rule.controls(label) & recorded)),
    )
