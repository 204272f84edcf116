from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_assets.reporting.incidents import ExceptionRule, Finding, group
from mapper_domain.frameworks import Evidence, Frameworks

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
RULE = ExceptionRule(
    Frameworks(
        version="1",
        editions=(),
        evidence=(
            Evidence(label="PII", control="SOC2@2017:CC6.7", role="exception"),
            Evidence(label="PII", control="SOC2@2017:CC7.2", role="detective"),
            Evidence(label="*", control="ISO27001@2022:A.5.25", role="exception"),
            Evidence(label="OTHER.Unknown", control="SOC2@2017:PI1.3", role="exception"),
        ),
    )
)
CONTROLS = ("ISO27001@2022:A.5.25", "SOC2@2017:CC6.7", "SOC2@2017:CC7.2", "SOC2@2017:PI1.3")


def at(minutes: float, label: str = "PII.Contact.Email", controls: Sequence[str] = CONTROLS) -> Finding:
    return Finding(START + timedelta(minutes=minutes), "presidio", (label,), tuple(controls))


@pytest.mark.parametrize(
    ("minutes", "sizes"),
    [([0, 15], [2]), ([0, 15.01], [1, 1]), ([0, 10, 20, 30], [4]), ([0, 1, 40, 41, 42], [2, 3]), ([], [])],
)
def test_events_at_most_fifteen_minutes_apart_are_one_incident(minutes: list[float], sizes: list[int]) -> None:
    assert [incident.events for incident in group(map(at, minutes), RULE)] == sizes


def test_an_incident_names_start_end_detectors_and_the_controls_it_is_an_exception_to() -> None:
    later = at(5)._replace(detector="detect-secrets")
    (incident,) = group([later, at(0)], RULE)
    assert (incident.start, incident.end) == (START, START + timedelta(minutes=5))
    assert incident.detectors == ("detect-secrets", "presidio")
    assert incident.controls == ("ISO27001@2022:A.5.25", "SOC2@2017:CC6.7")


def test_different_labels_are_different_incidents() -> None:
    assert [incident.label for incident in group([at(0), at(0, "PII.Person.Name")], RULE)] == [
        "PII.Contact.Email",
        "PII.Person.Name",
    ]


@pytest.mark.parametrize("label", ["OTHER.Safe", "OTHER.ModelError"])
def test_no_finding_is_no_exception(label: str) -> None:
    assert group([at(0, label)], RULE) == ()


def test_an_unknown_label_is_an_exception_only_where_the_mapping_names_it() -> None:
    (incident,) = group([at(0, "OTHER.Unknown")], RULE)
    assert incident.controls == ("SOC2@2017:PI1.3",)


def test_an_event_counts_only_for_controls_it_was_recorded_for() -> None:
    assert group([at(0, controls=["SOC2@2017:CC7.2"])], RULE) == ()


@given(st.lists(st.integers(0, 24 * 60 - 1), max_size=40))
def test_every_exception_is_in_exactly_one_incident_and_incidents_lie_apart(minutes: list[int]) -> None:
    incidents = group(map(at, minutes), RULE)
    assert sum(incident.events for incident in incidents) == len(minutes)
    for one, next_one in pairwise(incidents):
        assert next_one.start - one.end > timedelta(minutes=15)
