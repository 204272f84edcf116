"""Jobs a person or a sensor starts. Each is a selection of assets; the work is in the assets."""

import dagster as dg

from mapper_assets.assets.deployment import DEPLOYED_MODEL_VERSION, Promote
from mapper_assets.assets.evaluation import RIVAL_SCORES
from mapper_assets.assets.serving import EVENT_MANIFEST
from mapper_assets.deployment.release import PREVIOUS

REPORT_JOB = "tenant_report_job"


def _promotion(**values: object) -> dict[str, object]:
    return {"ops": {DEPLOYED_MODEL_VERSION.to_python_identifier(): {"config": Promote(**values).model_dump()}}}  # type: ignore[arg-type]


retrain_job = dg.define_asset_job(
    "retrain_job",
    selection=dg.AssetSelection.groups("config", "training", "evaluation", "deployment")
    - dg.AssetSelection.assets(RIVAL_SCORES),
    description="From catalogue to release in one run, so that every blocking check stops what comes after it.",
)

promote_job = dg.define_asset_job(
    "promote_job",
    selection=dg.AssetSelection.assets(DEPLOYED_MODEL_VERSION),
    config=_promotion(reason="Promoted by hand."),
    description="Promotes a release. `release`: `latest`, `previous` or an id; `hold` pins it.",
)

rollback_job = dg.define_asset_job(
    "rollback_job",
    selection=dg.AssetSelection.assets(DEPLOYED_MODEL_VERSION),
    config=_promotion(release=PREVIOUS, reason="Rolled back by hand.", hold=True),
    description="Goes back to the release before the current one and pins it.",
)

tenant_report_job = dg.define_asset_job(
    REPORT_JOB,
    selection=dg.AssetSelection.assets(EVENT_MANIFEST).downstream(),
    description="Manifest, coverage and report of one tenant and UTC day.",
)

JOBS = [retrain_job, promote_job, rollback_job, tenant_report_job]
