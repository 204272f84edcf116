"""What changed between two revisions of a day's report. Pure."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from mapper_domain.value import Value

if TYPE_CHECKING:
    from mapper_assets.reporting.report import Report

LISTED = 1_000


class Change(Value):
    """One number or version that differs; None where it was not there."""

    what: str
    name: str
    before: str | None
    after: str | None


class Delta(Value):
    """Difference to the revision this one follows.

    Attributes:
        previous: number of that revision.
        previous_sha256: SHA-256 (hex) of its manifest.json.
        reasons: why there is a new revision, for a reader.
        added: events that are new, ids of at most the first 1,000.
        added_total: how many are new.
        removed: events that are gone, likewise.
        removed_total: how many are gone.
        changes: every count and version that differs.
    """

    previous: int
    previous_sha256: str
    reasons: tuple[str, ...]
    added: tuple[str, ...]
    added_total: int
    removed: tuple[str, ...]
    removed_total: int
    changes: tuple[Change, ...]


def compare(
    before: "Report", after: "Report", ids_before: frozenset[str], ids_after: frozenset[str], previous_sha256: str
) -> Delta:
    """Difference from one report to the next of the same tenant and day.

    Args:
        before: the earlier revision.
        after: the new content.
        ids_before: event ids in the earlier revision's events.csv.
        ids_after: event ids now.
        previous_sha256: SHA-256 of the earlier revision's manifest.
    """
    added, removed = sorted(ids_after - ids_before), sorted(ids_before - ids_after)
    changes = tuple(change for what in _VIEWS for change in _changes(what, _VIEWS[what](before), _VIEWS[what](after)))
    reasons = [
        reason
        for applies, reason in (
            (added, "Events arrived after the earlier revision."),
            (removed, "Events of the earlier revision are no longer there."),
            (before.reasons and not after.reasons, "The earlier revision was INCOMPLETE."),
            (not before.reasons and after.reasons, "The evidence no longer reconciles."),
            (before.mapping_sha256 != after.mapping_sha256, "The frameworks or the mapping changed."),
            (before.generator != after.generator, "The report generator changed."),
        )
        if applies
    ]
    return Delta(
        previous=before.revision,
        previous_sha256=previous_sha256,
        reasons=tuple(reasons) or ("The evidence changed.",),
        added=tuple(added[:LISTED]),
        added_total=len(added),
        removed=tuple(removed[:LISTED]),
        removed_total=len(removed),
        changes=changes,
    )


def _population(report: "Report") -> Mapping[str, object]:
    return dict(report.population)


def _labels(report: "Report") -> Mapping[str, object]:
    return {row.name: row.events for row in report.by_label}


def _controls(report: "Report") -> Mapping[str, object]:
    return {c.key: c.events for f in report.coverage.frameworks for c in f.controls if c.events}


def _routes(report: "Report") -> Mapping[str, object]:
    return {row.name: row.events for row in report.by_route}


def _versions(report: "Report") -> Mapping[str, object]:
    used: dict[str, list[str]] = {}
    for row in report.versions:
        used.setdefault(row.kind, []).append(row.value)
    fixed = {"Mapping used for the report": report.mapping_sha256, "Report generator": report.generator}
    return {kind: ", ".join(values) for kind, values in used.items()} | fixed


_VIEWS = {
    "Population": _population,
    "Route": _routes,
    "Label": _labels,
    "Control": _controls,
    "Version": _versions,
}


def _changes(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> Iterable[Change]:
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old != new:
            yield Change(what=what, name=name, before=_text(old), after=_text(new))


def _text(value: object) -> str | None:
    return None if value is None else str(value)
