"""One check per gate, so that each has its own history. The deployment judges again: a check guards one run only."""

import dagster as dg

from mapper_assets.assets.evaluation import GOLDEN_SET_EVALUATION
from mapper_assets.checks.results import or_fails
from mapper_assets.deployment.release import read_scores
from mapper_assets.gates import Gates, judge
from mapper_assets.provenance import recorded_sha256
from mapper_assets.resources import Artifacts, Thresholds


def gate(name: str) -> dg.AssetChecksDefinition:
    """The check of one gate."""

    @dg.asset_check(
        asset=GOLDEN_SET_EVALUATION, name=name, blocking=True, description="A gate of the release, on the whole mapper."
    )
    @or_fails
    def check(
        context: dg.AssetCheckExecutionContext, artifacts: Artifacts, thresholds: Thresholds
    ) -> dg.AssetCheckResult:
        sha256 = recorded_sha256(context.instance, GOLDEN_SET_EVALUATION)
        verdicts = judge(read_scores(artifacts.layout.evaluation(sha256)), thresholds.gates)
        verdict = next(verdict for verdict in verdicts if verdict.name == name)
        return dg.AssetCheckResult(
            passed=verdict.passed,
            description=verdict.detail,
            metadata={"value": verdict.value, "threshold": verdict.threshold, "evaluation": sha256},
        )

    return check


CHECKS = [gate(name) for name in Gates.model_fields]
