"""Prints what was mapped and how, what nobody understood, and where everything is."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from demo.evidence import Report
from demo.traffic import Sent
from mapper_domain.taxonomy import MODEL_ERROR, UNKNOWN

ROWS_A_DETECTOR = 5
NOTHING = "(nothing found)"
FAILED = "(the detector failed)"
HASHED = "(stored as a keyed hash)"
AT_ONCE = 2
"""Most labels of one event that a line of the table shows."""
WAYS = {
    "model": "the model, or the model confirmed by reviewed YAML",
    "rules": "reviewed YAML and the taxonomy's own names",
    "cache": "an earlier answer of the model",
    "unknown": "nobody",
}


def grouped(events: pd.DataFrame) -> pd.DataFrame:
    """One row for each detector, native label, canonical labels and route, with counts and the least confidence."""
    canonical = [tuple(labels) for labels in events["taxonomy"]]
    labels = zip(events["source_label"], events["source_label_hmac"], canonical, strict=True)
    shown = pd.DataFrame(
        {
            "detector": events["detector"],
            "native": [_native(*event) for event in labels],
            "canonical": [", ".join(names) for names in canonical],
            "route": events["route"],
            "confidence": events["confidence"],
        }
    )
    keys = ["detector", "native", "canonical", "route"]
    table = shown.groupby(keys, as_index=False).agg(events=("confidence", "size"), confidence=("confidence", "min"))
    return table.sort_values(["detector", "events", "native"], ascending=[True, False, True], ignore_index=True)


def show(console: Console, events: pd.DataFrame, sent: Iterable[Sent], reports: Sequence[Report], here: Path) -> None:
    """Print the whole summary, with paths relative to `here` where they lie below it."""
    table = grouped(events)
    console.print(_mapped(table))
    console.print(_routes(events))
    _show_unknown(console, table[table["canonical"] == UNKNOWN])
    refused = Counter(item.problem for item in sent if item.problem)
    console.print(f"\n{sum(refused.values())} requests were refused and counted, none of them as an event:")
    for code, count in refused.most_common():
        console.print(f"  {count:4}  {code}")
    console.print(_reports(reports, here))


def _native(label: object, hashed: object, canonical: tuple[str, ...]) -> str:
    if isinstance(label, str):
        return label
    if isinstance(hashed, str):
        return HASHED
    return FAILED if canonical == (MODEL_ERROR,) else NOTHING


def _short(text: str, separator: str) -> str:
    parts = text.split(separator)
    rest = len(parts) - AT_ONCE
    return separator.join(parts[:AT_ONCE]) + (f" and {rest} more" if rest > 0 else "")


def _mapped(table: pd.DataFrame) -> Table:
    shown = Table(
        "detector", "native label", "canonical labels", "confidence", "route", "events", title="What was mapped"
    )
    for name, part in table.groupby("detector"):
        for row in part.head(ROWS_A_DETECTOR).to_dict("records"):
            native, canonical = _short(row["native"], " | "), _short(row["canonical"], ", ")
            shown.add_row(str(name), native, canonical, f"{row['confidence']:.2f}", row["route"], str(row["events"]))
        rest = part.iloc[ROWS_A_DETECTOR:]
        if len(rest):
            shown.add_row(str(name), f"… and {len(rest)} other answers", "", "", "", str(rest["events"].sum()))
        shown.add_section()
    return shown


def _routes(events: pd.DataFrame) -> Table:
    shown = Table("route", "events", "share", "who decided", title="How it was mapped")
    counts = events["route"].value_counts()
    for route, count in counts.items():
        shown.add_row(str(route), str(count), f"{count / len(events):.1%}", WAYS.get(str(route), ""))
    shown.add_row("all", str(len(events)), "", "")
    return shown


def _show_unknown(console: Console, unknown: pd.DataFrame) -> None:
    if unknown.empty:
        console.print("\nEvery label was understood by somebody.")
        return
    console.print(f"\n{unknown['events'].sum()} events are {UNKNOWN}. These labels were not understood, and say so:")
    for row in unknown.to_dict("records"):
        why = "reviewed YAML says it has no known meaning" if row["route"] == "rules" else "nobody was sure enough"
        console.print(f"  {row['events']:4}  {row['detector']}: {row['native']} ({why})", markup=False, highlight=False)


def _reports(reports: Sequence[Report], here: Path) -> Table:
    shown = Table("tenant", "day", "status", "events", "report", title="Reports")
    for report in reports:
        place = report.folder / "report.pdf"
        place = place.relative_to(here) if place.is_relative_to(here) else place
        shown.add_row(report.tenant, report.day, report.status, str(len(report.event_ids)), str(place))
    return shown
