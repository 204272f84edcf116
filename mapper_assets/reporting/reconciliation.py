"""The proof that nothing was lost between the request and the report: one row per identity that must hold.

Pure: it is given counts and rows, and says what was expected, what was found, and whether that holds.
"""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mapper_assets.reporting.manifest import EventManifest
from mapper_domain.value import Value

if TYPE_CHECKING:
    import pandas as pd

ROUTES = ("model", "rules", "cache", "unknown")


class Check(Value):
    """One identity.

    Attributes:
        name: what must equal what.
        expected: the number it must be; None when the source that gives it is missing.
        found: the number that was found.
        holds: whether the two are equal.
        detail: for a reader, where exactly it breaks; empty when it holds.
    """

    name: str
    expected: int | None
    found: int | None
    holds: bool
    detail: str = ""


class Tables(Value):
    """Totals of the report's own tables, each counted from the table itself and not from the events.

    Attributes:
        by_route: sum of the events-by-route table.
        by_detector: sum of the events-by-detector table.
        by_label: sum of the events-by-label table; an event counts once per label.
        by_control: sum of the control tables; an event counts once per control.
        by_rejection: sum of the rejections-by-code table.
        csv_rows: data rows of events.csv, parsed back from its bytes.
    """

    by_route: int
    by_detector: int
    by_label: int
    by_control: int
    by_rejection: int
    csv_rows: int


def reconcile(
    manifest: EventManifest, events: "pd.DataFrame", rejections: "pd.DataFrame", tables: Tables, *, foreign: int
) -> tuple[Check, ...]:
    """Every identity from the request to the report, in the order the data flows.

    Args:
        manifest: files and ledger of the day.
        events: rows of intact segments of this tenant and day, duplicates still in.
        rejections: rejection rows likewise.
        tables: totals of what the report prints.
        foreign: rows that were turned away because they name another tenant or day.
    """
    ledger = manifest.ledger
    accepted = None if ledger is None else ledger.accepted
    found = (*manifest.segments, *manifest.rejections)
    unique = events.drop_duplicates("event_id")
    ids = len(unique)
    once = rejections["rejection_id"].nunique()
    duplicates = _first(events.loc[events.duplicated("event_id"), "event_id"])
    routes = events.loc[~events["route"].isin(ROUTES), "route"]
    return (
        _check("The day has a ledger", 1, int(ledger is not None)),
        _check(
            "Segments found with the bytes their names promise = segments known",
            len(found) + len(manifest.missing),
            sum(segment.intact for segment in found),
            "; ".join(manifest.problems),
        ),
        _check("Rows of another tenant or day", 0, foreign),
        _check(
            "Ledger: received = accepted + rejected",
            None if ledger is None else ledger.received,
            None if ledger is None else ledger.accepted + ledger.rejected,
        ),
        _check("Ledger: rejected = rejection rows", None if ledger is None else ledger.rejected, once),
        _check("Rejection rows = distinct rejection ids", len(rejections), once),
        _check("Rejections by code add up", once, tables.by_rejection),
        _check("Ledger: accepted = distinct event ids", accepted, ids),
        _check("Event rows = distinct event ids", len(events), ids, f"More than once: {duplicates}."),
        _check("Ledger: last sequence = accepted", None if ledger is None else ledger.last_sequence, accepted),
        _sequence(events["sequence"], accepted if accepted is not None else ids),
        _check("Events by route add up, every route known", ids, tables.by_route - len(routes), _first(routes)),
        _check("Events by detector add up", ids, tables.by_detector),
        _check("Events by label add up to labels given", int(unique["taxonomy"].map(len).sum()), tables.by_label),
        _check("Every event has a label", ids, int((unique["taxonomy"].map(len) > 0).sum())),
        _check(
            "Control tables add up to distinct (event, control) pairs",
            int(unique["controls"].map(lambda keys: len(set(keys))).sum()),
            tables.by_control,
        ),
        _check("Rows in events.csv = distinct event ids", ids, tables.csv_rows),
    )


def _check(name: str, expected: int | None, found: int | None, detail: str = "") -> Check:
    holds = expected is not None and expected == found
    if expected is None and not detail:
        detail = "The ledger is missing."
    return Check(name=name, expected=expected, found=found, holds=holds, detail="" if holds else detail)


def _sequence(numbers: "pd.Series[int]", last: int) -> Check:
    """Sequence numbers are 1, 2, 3 … `last`, each once: the auditor's test for gaps."""
    seen = Counter(int(number) for number in numbers)
    gaps = [number for number in range(1, last + 1) if number not in seen]
    beyond = sorted(number for number in seen if not 1 <= number <= last)
    twice = sorted(number for number, times in seen.items() if times > 1)
    parts = [
        f"{what}: {_first(wrong)}."
        for what, wrong in (("Missing", gaps), ("Out of range", beyond), ("Given twice", twice))
        if wrong
    ]
    name = "Sequence numbers are 1 to accepted, each once"
    found = sum(times == 1 and 1 <= number <= last for number, times in seen.items())
    return Check(name=name, expected=last, found=found, holds=not parts, detail=" ".join(parts))


def _first(items: Iterable[object], limit: int = 5) -> str:
    texts = [str(item) for item in items]
    more = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more
