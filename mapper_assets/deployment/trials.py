"""Releases tried beside the one that serves: a canary with a share of the traffic, a shadow that is only compared.

Both are part of the pointer, so services begin and end a trial as they swap a release; every beginning and end is a
line of the promotions log. Promoting a release ends both, unless it serves already.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from mapper_assets.deployment.pointer import locked, move, promotions
from mapper_assets.deployment.release import read_scores, refuse_below
from mapper_assets.gates import Gates, judge
from mapper_domain.errors import ReleaseMismatch, ReleaseMissing
from mapper_domain.layout import Layout
from mapper_domain.release import Canary, Pointer, Promotion, Shadow, read_pointer, verify

Trial = Literal["canary", "shadow"]


def start_canary(layout: Layout, release: str, share: float, *, by: str, reason: str, gates: Gates) -> Pointer:
    """Let a release answer a share of the traffic. It is judged as one that is to serve.

    Args:
        layout: where artefacts lie.
        release: its id.
        share: above 0, at most 1. Starting it again changes the share, or lets it try again after it was stopped.
        by: who wants it.
        reason: why, for the log.
        gates: thresholds to judge by.

    Raises:
        ReleaseMissing: when there is no such release, or none serves yet.
        ReleaseCorrupt: when a file of it was altered.
        ReleaseMismatch: when it is the one that serves.
        GatesFailed: when it misses a gate.
    """
    folder = layout.releases / release
    verify(folder)
    refuse_below(judge(read_scores(folder), gates), release)
    canary = Canary(release=release, share=share, since=datetime.now(UTC))
    return _change(layout, {"canary": canary}, by=by, reason=reason)


def start_shadow(layout: Layout, release: str, share: float, *, by: str, reason: str) -> Pointer:
    """Have a release asked after the reply. It answers nobody, so it need not pass the gates.

    Raises:
        ReleaseMissing: when there is no such release, or none serves yet.
        ReleaseCorrupt: when a file of it was altered.
        ReleaseMismatch: when it is the one that serves.
    """
    verify(layout.releases / release)
    return _change(layout, {"shadow": Shadow(release=release, share=share)}, by=by, reason=reason)


def end(layout: Layout, trials: tuple[Trial, ...], *, by: str, reason: str) -> Pointer:
    """End these trials; the release that serves answers everything they did.

    Raises:
        ReleaseMissing: when no release serves yet.
    """
    return _change(layout, dict.fromkeys(trials), by=by, reason=reason)


def _change(layout: Layout, changes: Mapping[Trial, Canary | Shadow | None], *, by: str, reason: str) -> Pointer:
    with locked(layout.releases):
        pointer, log = read_pointer(layout.releases), promotions(layout.releases)
        if pointer is None:
            raise ReleaseMissing("No release serves yet; promote one before another is tried beside it.")
        if any(trial is not None and trial.release == pointer.release for trial in changes.values()):
            raise ReleaseMismatch(f"Release {pointer.release} serves already; try another one beside it.")
        before = {"canary": pointer.canary, "shadow": pointer.shadow}
        promotion = Promotion.model_validate(
            {
                "at": datetime.now(UTC),
                "by": by,
                "reason": reason,
                "previous": pointer.release,
                "release": pointer.release,
                "hold": bool(log and log[-1].hold),
                **before,
                **changes,
            }
        )
        move(layout.releases, promotion)
    return promotion.pointer
