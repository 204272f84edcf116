"""When unpartitioned assets run by themselves. Tenant x day assets have no condition: a sensor asks for those.

The stock `eager()` would retrain on every re-materialisation, even of identical data, and puts the whole chain
into one run, so nothing can stop before training. `on_data_change` waits for each step's data version instead.
"""

import dagster as dg

AC = dg.AutomationCondition


def on_data_change(
    *, retry: bool, untouched_by: dg.AssetSelection | None = None
) -> dg.AutomationCondition[dg.AssetKey]:
    """Run when what an asset was made from has changed, after everything above it has settled.

    A change is latched until the asset is requested, because `data_version_changed` is true for one tick only
    and that tick may fall into a run still in flight. Nothing runs while an upstream asset is missing, running,
    about to run or failed, or while a blocking check above has not passed.

    Args:
        retry: ask once more after the first failure since the last change. A failure is not seen while a run is
            under way, so it seems new again after every attempt; without the latch it would be tried for ever.
            Wrong for a promotion, which would only be refused twice.
        untouched_by: upstream assets that must be sound but whose change alone is no reason to run, because another
            upstream asset follows it.
    """
    deps_changed = AC.any_deps_match(AC.data_version_changed())
    if untouched_by is not None:
        deps_changed = deps_changed.ignore(untouched_by)
    handled = AC.newly_requested() | AC.initial_evaluation()
    changed_now = deps_changed | AC.code_version_changed()
    wanted = changed_now.since(handled) | AC.missing().newly_true().since(AC.newly_requested())
    if retry:
        failed_since_change = AC.execution_failed().newly_true().since(changed_now | AC.initial_evaluation())
        wanted = wanted | failed_since_change.newly_true()
    settled = (
        ~AC.in_progress()
        & ~AC.any_deps_missing()
        & ~AC.any_deps_in_progress()
        & ~AC.any_deps_match(AC.will_be_requested())
        & ~AC.any_deps_match(AC.execution_failed())
        & AC.all_deps_blocking_checks_passed()
    )
    return (wanted & settled).with_label("on_data_change")


def automation_sensor(
    selection: dg.AssetSelection, *, running: bool, poll_seconds: int
) -> dg.AutomationConditionSensorDefinition:
    """The sensor that evaluates the conditions; Dagster would leave it stopped, so its state is explicit."""
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=selection,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        minimum_interval_seconds=poll_seconds,
        description="Rebuilds dataset, adapter, retriever, evaluation and release when what they come from changes.",
    )
