"""Puts the code location together from settings. No asset, check or resource is implemented here.

A function and not a module of globals, so that tests, the demo and deployments build their own definitions.
"""

from collections.abc import Mapping

import dagster as dg

from mapper_assets.assets import config, deployment, evaluation, proposals, reports, serving, training
from mapper_assets.automation import automation_sensor
from mapper_assets.checks import adapter as adapter_checks
from mapper_assets.checks import base_model as base_model_checks
from mapper_assets.checks import config as config_checks
from mapper_assets.checks import dataset as dataset_checks
from mapper_assets.checks import deployment as deployment_checks
from mapper_assets.checks import evaluation as evaluation_checks
from mapper_assets.checks import golden as golden_checks
from mapper_assets.checks import proposals as proposal_checks
from mapper_assets.checks import reports as report_checks
from mapper_assets.checks import retriever as retriever_checks
from mapper_assets.jobs import JOBS, REPORT_JOB
from mapper_assets.partitions import tenant_days
from mapper_assets.resources import default_resources
from mapper_assets.schedules import daily_proposals, inventory
from mapper_assets.sensors.catalogue_files import catalogue_files
from mapper_assets.sensors.event_arrivals import event_arrivals
from mapper_assets.sensors.run_failures import run_failures
from mapper_assets.settings import Settings


def build_defs(settings: Settings, *, resources: Mapping[str, object] | None = None) -> dg.Definitions:
    """The whole code location.

    Args:
        settings: what the installation is.
        resources: used instead of the embedded ones of the same name.
    """
    partitions = tenant_days(settings.partitions_start)
    running, poll_seconds = settings.automation, settings.poll_seconds
    return dg.Definitions(
        assets=[
            *dg.load_assets_from_modules([config, training, evaluation, deployment, proposals]),
            serving.canonical_events,
            serving.event_manifest(partitions),
            reports.framework_coverage(partitions),
            reports.compliance_report(partitions),
        ],
        asset_checks=[
            *config_checks.CHECKS,
            *golden_checks.CHECKS,
            *dataset_checks.CHECKS,
            *base_model_checks.CHECKS,
            *adapter_checks.CHECKS,
            *retriever_checks.CHECKS,
            *evaluation_checks.CHECKS,
            *deployment_checks.CHECKS,
            *report_checks.checks(partitions),
            *proposal_checks.CHECKS,
        ],
        jobs=JOBS,
        schedules=[inventory(start=settings.partitions_start, running=running), daily_proposals(running=running)],
        sensors=[
            catalogue_files(running=running, poll_seconds=poll_seconds),
            automation_sensor(
                dg.AssetSelection.groups("training", "evaluation", "deployment"),
                running=running,
                poll_seconds=poll_seconds,
            ),
            event_arrivals(
                start=settings.partitions_start, job_name=REPORT_JOB, running=running, poll_seconds=poll_seconds
            ),
            run_failures(running=running),
        ],
        resources={**default_resources(settings), **(resources or {})},
        # One process per run: starting one per step costs more here than the steps that are not subprocesses anyway.
        executor=dg.in_process_executor,
    )
