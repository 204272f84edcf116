from pathlib import Path

import pandas as pd
from rich.console import Console

from demo.evidence import Report
from demo.summary import grouped, show
from demo.traffic import Sent

EVENTS = pd.DataFrame(
    [
        ("e1", "presidio", "US_SSN", None, ["PII.Identifier.SSN"], 1.0, "model"),
        ("e2", "presidio", "US_SSN", None, ["PII.Identifier.SSN"], 0.9, "model"),
        ("e3", "presidio", None, None, ["OTHER.Safe"], 1.0, "rules"),
        ("e4", "gitleaks", None, "ab12", ["OTHER.Unknown"], 0.0, "unknown"),
        ("e5", "openai-moderation", None, None, ["OTHER.ModelError"], 1.0, "rules"),
        ("e6", "garak-detectors", "any.AnyOutput", None, ["OTHER.Unknown"], 0.0, "rules"),
    ],
    columns=["event_id", "detector", "source_label", "source_label_hmac", "taxonomy", "confidence", "route"],
)


def printed(tmp_path: Path) -> str:
    console = Console(width=200, record=True, file=(tmp_path / "out.txt").open("w"))
    report = Report("acme", "2026-11-20", tmp_path / "reports" / "r0001", "FINAL", frozenset({"e1", "e2"}))
    sent = [
        Sent("k1", "acme", "2026-11-20", 404, problem="unknown-detector"),
        Sent("k2", "acme", "2026-11-20", 200, "e1"),
    ]
    show(console, EVENTS, sent, [report], tmp_path)
    return console.export_text()


def test_same_answers_are_counted_together_with_the_least_confidence() -> None:
    rows = grouped(EVENTS).to_dict("records")
    first = next(row for row in rows if row["native"] == "US_SSN")
    assert (first["events"], first["confidence"], first["route"]) == (2, 0.9, "model")


def test_nothing_found_a_failure_and_a_hashed_label_are_told_apart() -> None:
    rows = {row["detector"]: row["native"] for row in grouped(EVENTS).to_dict("records") if row["native"][0] == "("}
    assert rows == {
        "presidio": "(nothing found)",
        "gitleaks": "(stored as a keyed hash)",
        "openai-moderation": "(the detector failed)",
    }


def test_unknown_labels_are_called_out_with_the_reason(tmp_path: Path) -> None:
    text = printed(tmp_path)
    assert "2 events are OTHER.Unknown" in text
    assert "gitleaks: (stored as a keyed hash) (nobody was sure enough)" in text
    assert "garak-detectors: any.AnyOutput (reviewed YAML says it has no known meaning)" in text


def test_totals_refusals_and_reports_are_shown(tmp_path: Path) -> None:
    text = printed(tmp_path)
    assert "33.3%" in text
    assert "1  unknown-detector" in text
    assert "reports/r0001/report.pdf" in text
