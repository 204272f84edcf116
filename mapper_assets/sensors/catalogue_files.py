"""Materialises a `config/*` asset when its files differ from what it last recorded. Keeps no memory of its own.

There is no run key: a key made of the content would never run the same content twice, and so would lose the way
back from an edit (A, B, A) as well as every retry.
"""

import dagster as dg

from mapper_assets.assets.config import FILES_SHA256, key_of
from mapper_assets.catalogue import Group, files_sha256
from mapper_assets.provenance import recorded
from mapper_assets.resources import Sources
from mapper_assets.sensors.attempts import already_tried
from mapper_domain.release import sha256_text

FILES_TAG = "mapper/files"


def catalogue_files(*, running: bool, poll_seconds: int) -> dg.SensorDefinition:
    """The sensor over taxonomy, detectors, frameworks and golden set."""

    @dg.sensor(
        name="catalogue_files",
        asset_selection=[key_of(group) for group in Group],
        minimum_interval_seconds=poll_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Materialises config assets whose files were edited.",
    )
    def sensor(context: dg.SensorEvaluationContext, sources: Sources) -> dg.SensorResult | dg.SkipReason:
        now = {group: files_sha256(sources.path, group) for group in Group}
        before = {group: recorded(context.instance, key_of(group)).get(FILES_SHA256) for group in Group}
        changed = [group for group in Group if now[group] != before[group]]
        if not changed:
            return dg.SkipReason("No file was edited.")
        tag = sha256_text(" ".join(f"{group}={now[group]}" for group in changed))[:32]
        if reason := already_tried(context.instance, {"dagster/sensor_name": "catalogue_files"}, FILES_TAG, tag):
            return dg.SkipReason(f"{', '.join(changed)}: {reason}")
        request = dg.RunRequest(asset_selection=[key_of(group) for group in changed], tags={FILES_TAG: tag})
        return dg.SensorResult(run_requests=[request])

    return sensor
