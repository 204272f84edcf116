"""Writes one line to the log for every failed run, so that whatever collects logs can raise an alarm."""

import json
import logging

import dagster as dg

log = logging.getLogger("mapper_assets.runs")


def run_failures(*, running: bool) -> dg.SensorDefinition:
    """The sensor over failed runs of this code location."""

    @dg.run_failure_sensor(
        name="run_failures",
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Logs failed runs as one JSON line each.",
    )
    def sensor(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        line = {
            "event": "run_failed",
            "run_id": run.run_id,
            "job": run.job_name,
            "partition": run.tags.get("dagster/partition"),
            "message": context.failure_event.message,
        }
        log.error(json.dumps(line))

    return sensor
