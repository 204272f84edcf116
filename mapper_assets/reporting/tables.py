"""The tables that go with a report, each the full population of one kind of row, as pandas DataFrames."""

from typing import TYPE_CHECKING

from mapper_assets.reporting.coverage import Coverage
from mapper_assets.reporting.reconciliation import Check
from mapper_assets.reporting.segments import EVENTS

if TYPE_CHECKING:
    import pandas as pd

EVENT_TABLE = tuple(EVENTS)
"""Columns of events.csv: everything stored about an event except its JSON form, which repeats them."""


def events_table(events: "pd.DataFrame") -> "pd.DataFrame":
    """One row per accepted event, ordered by sequence."""
    return events[list(EVENT_TABLE)]


def controls_table(coverage: Coverage) -> "pd.DataFrame":
    """One row per control in scope, mapped or not, then any control the catalogue does not list."""
    import pandas as pd

    listed = [
        {
            "control": control.key,
            "framework": framework.key,
            "edition": framework.edition,
            "id": control.id,
            "summary": control.summary,
            "state": control.state,
            "roles": control.roles,
            "events": control.events,
            "potential_exceptions": control.exceptions,
            "labels": [f"{row.label}={row.events}" for row in control.labels],
            "reason": control.reason,
        }
        for framework in coverage.frameworks
        for control in framework.controls
    ]
    unlisted = [
        {
            **dict.fromkeys(CONTROL_COLUMNS, ""),
            "control": key,
            "state": "not_in_catalogue",
            "events": events,
            "potential_exceptions": 0,
            "reason": "Events name this control, but no edition of the catalogue lists it.",
        }
        for key, events in coverage.unlisted.items()
    ]
    return pd.DataFrame([*listed, *unlisted], columns=list(CONTROL_COLUMNS))


def coverage_table(coverage: Coverage) -> "pd.DataFrame":
    """One row per detector promised or heard."""
    import pandas as pd

    rows = [
        {
            "detector": detector.name,
            "expected": detector.expected,
            "described": detector.described,
            "versions": detector.versions,
            "events": detector.events,
            "first_seen": detector.first_seen,
            "last_seen": detector.last_seen,
            "observed_hours": detector.observed_hours,
            "silent_hours_utc": [f"{silence.start:02d}:00-{silence.end:02d}:00" for silence in detector.silent],
            "events_by_hour_utc": detector.hours,
        }
        for detector in coverage.detectors
    ]
    return pd.DataFrame(rows, columns=list(DETECTOR_COLUMNS))


def reconciliation_table(checks: tuple[Check, ...]) -> "pd.DataFrame":
    """One row per identity that must hold."""
    import pandas as pd

    return pd.DataFrame([check.model_dump() for check in checks], columns=list(Check.model_fields))


CONTROL_COLUMNS = (
    "control",
    "framework",
    "edition",
    "id",
    "summary",
    "state",
    "roles",
    "events",
    "potential_exceptions",
    "labels",
    "reason",
)
DETECTOR_COLUMNS = (
    "detector",
    "expected",
    "described",
    "versions",
    "events",
    "first_seen",
    "last_seen",
    "observed_hours",
    "silent_hours_utc",
    "events_by_hour_utc",
)
