"""How a check's finding becomes a result. A check that cannot run is a failed check with a message, not a crash."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import ParamSpec

import dagster as dg

from mapper_domain.errors import MapperError

P = ParamSpec("P")
SHOWN = 50
"""Most findings listed in the UI; the count is always complete."""


def found(
    problems: Sequence[object],
    numbers: Mapping[str, int | float | str] | None = None,
    *,
    notes: Sequence[object] = (),
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Passed if no problem was found. Problems and notes are listed, up to a page of either; notes fail nothing."""
    listed = [*_page(problems), *_page([f"Note: {note}" for note in notes])]
    return dg.AssetCheckResult(
        passed=not problems,
        severity=severity,
        description="\n".join(listed) or None,
        metadata={"problems": len(problems), **(numbers or {})},
    )


def _page(findings: Sequence[object]) -> list[str]:
    more = [f"- and {len(findings) - SHOWN} more"] if len(findings) > SHOWN else []
    return [*(f"- {finding}" for finding in findings[:SHOWN]), *more]


def or_fails(check: Callable[P, dg.AssetCheckResult]) -> Callable[P, dg.AssetCheckResult]:
    """Make a check that cannot be carried out a failed one that says why: silence would read as consent."""

    @functools.wraps(check)
    def run(*args: P.args, **kwargs: P.kwargs) -> dg.AssetCheckResult:
        try:
            return check(*args, **kwargs)
        except (MapperError, OSError, ValueError) as error:
            return dg.AssetCheckResult(passed=False, description=f"The check could not be carried out: {error}")

    return run
