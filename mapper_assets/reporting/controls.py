"""Control coverage: every control of every edition in scope, with what was recorded for it or why nothing was."""

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, get_args

from mapper_assets.reporting.incidents import ExceptionRule
from mapper_domain.catalog import Catalog
from mapper_domain.frameworks import Control, Evidence, Framework, Role
from mapper_domain.value import Value

if TYPE_CHECKING:
    import pandas as pd

Pairs = Mapping[tuple[tuple[str, ...], tuple[str, ...]], int]
"""Number of events by (labels, controls)."""

State = Literal["events", "this_report", "quiet", "not_in_scope", "no_mapped_detector", "not_supported"]
"""Why a control shows what it shows.

events: events were recorded for it. this_report: the pipeline's own records are the evidence. quiet: watched,
nothing reported. not_in_scope: events would fit, but the tenant's condition for it did not hold.
no_mapped_detector: nobody could see it. not_supported: such events can give no evidence for it.
"""

OWN_RECORDS = "META"
"""In the mapping, stands for the pipeline's own records instead of a detector's label."""


class LabelCount(Value):
    """How many events with this label were recorded for a control."""

    label: str
    events: int


class ControlCoverage(Value):
    """One control on one day.

    Attributes:
        key: edition-qualified key, for example `SOC2@2017:CC7.2`.
        roles: what the mapped labels prove for it, in the order of the mapping.
        events: events recorded for it; an event counts once.
        exceptions: those among them that are potential exceptions to it.
        labels: labels that led to it, most frequent first.
        reason: one sentence for a reader.
    """

    key: str
    id: str
    summary: str
    state: State
    reason: str
    roles: tuple[Role, ...]
    events: int
    exceptions: int
    labels: tuple[LabelCount, ...]


class FrameworkCoverage(Value):
    """One edition with every one of its controls, in catalogue order."""

    key: str
    edition: str
    title: str
    status: Literal["current", "superseded"]
    controls: tuple[ControlCoverage, ...]

    def idle(self) -> tuple[tuple[State, str, tuple[ControlCoverage, ...]], ...]:
        """Controls without events by state, each group with its most frequent reason, in the order of the states."""
        groups: dict[State, list[ControlCoverage]] = {}
        for control in self.controls:
            if control.state != "events":
                groups.setdefault(control.state, []).append(control)
        return tuple(
            (state, Counter(control.reason for control in groups[state]).most_common(1)[0][0], tuple(groups[state]))
            for state in get_args(State)
            if state in groups
        )

    def in_state(self, state: State) -> int:
        """Number of controls in that state."""
        return sum(control.state == state for control in self.controls)


def label_control_pairs(events: "pd.DataFrame") -> Pairs:
    """Events by (labels, controls): all that control coverage needs of them, however many there are."""
    labels = map(tuple, events["taxonomy"])
    controls = (tuple(dict.fromkeys(keys)) for keys in events["controls"])
    return Counter(zip(labels, controls, strict=True))


def cover(
    pairs: Pairs, catalog: Catalog, visible: Mapping[str, frozenset[str]]
) -> tuple[tuple[FrameworkCoverage, ...], Mapping[str, int]]:
    """Every control of every edition in scope, and events recorded for controls no edition lists.

    Args:
        pairs: number of events by (labels, controls).
        catalog: editions and mapping.
        visible: labels each of the tenant's detectors can report.
    """
    recorded: Counter[str] = Counter()
    for (_, keys), count in pairs.items():
        recorded.update(dict.fromkeys(keys, count))
    rule, view = ExceptionRule(catalog.frameworks), _View(pairs, visible)
    rows: dict[str, list[Evidence]] = {}
    for row in catalog.frameworks.evidence:
        rows.setdefault(row.control, []).append(row)
    editions = tuple(
        FrameworkCoverage(
            key=edition.key,
            edition=edition.edition,
            title=edition.title,
            status=edition.status,
            controls=tuple(
                view.control(edition.key_of(control), control, rows.get(edition.key_of(control), []), rule)
                for control in edition.controls
            ),
        )
        for edition in catalog.frameworks.editions
        if _in_scope(edition, recorded)
    )
    unlisted = {key: count for key, count in sorted(recorded.items()) if key not in catalog.frameworks.controls}
    return editions, unlisted


def _in_scope(edition: Framework, recorded: Mapping[str, int]) -> bool:
    return edition.status == "current" or any(edition.key_of(control) in recorded for control in edition.controls)


class _View:
    """The events of the day by control, and who could have caused them."""

    def __init__(self, pairs: Pairs, visible: Mapping[str, frozenset[str]]) -> None:
        self._visible = visible
        self._labels: set[str] = set()
        self._by_control: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        for (labels, keys), count in pairs.items():
            self._labels.update(labels)
            for key in keys:
                self._by_control.setdefault(key, []).append((labels, count))

    def control(self, key: str, control: Control, rows: list[Evidence], rule: ExceptionRule) -> ControlCoverage:
        """Coverage of one control, given the mapping rows that name it."""
        found = self._by_control.get(key, [])
        counts: Counter[str] = Counter()
        for labels, count in found:
            counts.update({label: count for label in labels if not rows or any(row.covers(label) for row in rows)})
        events = sum(count for _, count in found)
        state, reason = self._state(control, rows, events)
        return ControlCoverage(
            key=key,
            id=control.id,
            summary=control.summary,
            state=state,
            reason=reason,
            roles=tuple(dict.fromkeys(row.role for row in rows)),
            events=events,
            exceptions=sum(n for labels, n in found if any(key in rule.controls(label) for label in labels)),
            labels=tuple(
                LabelCount(label=label, events=n) for label, n in sorted(counts.items(), key=lambda i: (-i[1], i[0]))
            ),
        )

    def _state(self, control: Control, rows: list[Evidence], events: int) -> tuple[State, str]:
        if events:
            return "events", "Events were recorded."
        if not control.supported:
            return "not_supported", "Not supported by this evidence: detector events say nothing about it."
        if not rows:
            return "no_mapped_detector", "No mapped detector: no label is evidence for it."
        own = any(row.label == OWN_RECORDS for row in rows)
        rows = [row for row in rows if row.label != OWN_RECORDS]
        if own:
            return "this_report", "The evidence is this report: its completeness, coverage and versions."
        conditions = {row.condition for row in rows if any(row.covers(label) for label in self._labels)}
        if conditions and "" not in conditions:
            return "not_in_scope", f"Counted only for tenants with {' or '.join(sorted(conditions))}."
        watchers = [name for name, labels in self._visible.items() if _watches(rows, labels)]
        if not watchers:
            names = _some(sorted({row.label for row in rows}))
            return "no_mapped_detector", f"No mapped detector: none of the tenant's reports {names}."
        return "quiet", f"Watched by {_some(watchers)}; nothing was reported."


def _watches(rows: list[Evidence], labels: frozenset[str]) -> bool:
    return any(row.label == "*" or any(row.covers(label) for label in labels) for row in rows)


def _some(names: list[str], limit: int = 3) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
