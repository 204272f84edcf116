"""What the demo proves about itself at the end. Each check gives one line, or fails the demo."""

from collections.abc import Collection, Sequence
from pathlib import Path

from demo import canary
from demo.evidence import Report
from demo.failure import DemoFailed
from demo.plan import is_meant_to_fail
from demo.traffic import Sent


def only_bad_requests_were_refused(sent: Sequence[Sent]) -> str:
    """Check that everything that should have become an event did."""
    wrong = [item for item in sent if item.problem and not is_meant_to_fail(item.key)]
    if wrong:
        first = wrong[0]
        raise DemoFailed(f"{len(wrong)} good requests were refused, for example {first.key} ({first.problem}).")
    return f"all {sum(bool(item.event_id) for item in sent)} good requests became events"


def every_event_is_in_a_report(sent: Sequence[Sent], reports: Sequence[Report]) -> str:
    """Check that no acknowledged event is missing from the report of its tenant's day."""
    reported = {(report.tenant, report.day): report.event_ids for report in reports}
    acknowledged = [item for item in sent if item.event_id]
    missing = [item for item in acknowledged if item.event_id not in reported.get((item.tenant, item.day), ())]
    if missing:
        raise DemoFailed(f"{len(missing)} acknowledged events are in no report, for example {missing[0].event_id}.")
    unfinished = [report for report in reports if report.status == "INCOMPLETE"]
    if unfinished:
        raise DemoFailed(f"The report in {unfinished[0].folder} says INCOMPLETE.")
    return f"all {len(acknowledged)} acknowledged events are in the report of their day"


def no_value_was_stored(folders: Sequence[Path], planted: Collection[str], stored: str) -> str:
    """Check that none of the invented values is in any file.

    Args:
        folders: searched with everything below them.
        planted: the values.
        stored: something that is in an event segment, to prove that the search can see into one.
    """
    if not any(path.suffix == ".parquet" for path in canary.leaks(folders, {stored})):
        raise DemoFailed("The search for leaks does not find an event that was stored, so it proves nothing.")
    if found := canary.leaks(folders, planted):
        raise DemoFailed("Invented personal data was stored in: " + ", ".join(map(str, found)))
    names = " and ".join(f"{folder.name}/" for folder in folders)
    return f"none of {len(planted)} invented values is in any file below {names}"
