"""Whether the same content was tried before. A run that fails on the same input must not be asked for in a loop."""

from collections.abc import Mapping

import dagster as dg

RETRY = "change the input or start the run by hand."


def already_tried(instance: dg.DagsterInstance, like: Mapping[str, str], tag: str, value: str) -> str | None:
    """Why not to ask for a run now, or None.

    Only the latest run counts, so content that comes back after another one is tried again.

    Args:
        instance: where runs are recorded.
        like: tags that tell the runs meant from others.
        tag: name of the tag that holds the content's hash.
        value: the content's hash now.
    """
    latest = next(iter(instance.get_runs(dg.RunsFilter(tags=dict(like)), limit=1)), None)
    if latest is None:
        return None
    if not latest.is_finished:
        return f"run {latest.run_id[:8]} is under way."
    if not latest.is_success and latest.tags.get(tag) == value:
        return f"run {latest.run_id[:8]} failed on the same content; {RETRY}"
    return None
