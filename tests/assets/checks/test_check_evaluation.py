"""Every gate has a check of its own, which says value, threshold and what they rest on."""

import dagster as dg
import pytest

from mapper_assets.assets.evaluation import GOLDEN_SET_EVALUATION, detectors_table, gates_table
from mapper_assets.checks.evaluation import CHECKS, gate
from mapper_assets.deployment.release import read_scores
from mapper_assets.gates import Gates, judge
from mapper_assets.provenance import SHA256
from mapper_assets.resources import Artifacts, Thresholds


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def check(instance, layout):
    """Carries out the check of a gate on the latest recorded evaluation."""

    def run(name: str, file: str = "") -> dg.AssetCheckResult:
        context = dg.build_asset_check_context(instance=instance)
        return gate(name)(context, artifacts=Artifacts(root=str(layout.root)), thresholds=Thresholds(file=file))

    return run


@pytest.fixture
def evaluate(evaluated, instance):
    """Writes and records an evaluation."""

    def record(**values) -> str:
        sha256 = evaluated(**values)
        instance.report_runless_asset_event(dg.AssetMaterialization(GOLDEN_SET_EVALUATION, metadata={SHA256: sha256}))
        return sha256

    return record


def test_there_is_one_blocking_check_for_every_gate(layout, evaluated):
    verdicts = judge(read_scores(layout.evaluation(evaluated())), Gates())
    specs = [spec for check in CHECKS for spec in check.check_specs]
    assert [spec.name for spec in specs] == [verdict.name for verdict in verdicts]
    assert all(spec.blocking for spec in specs)


@pytest.mark.parametrize(("f1", "passed"), [(0.95, True), (0.9, True), (0.899, False)])
def test_a_gate_is_judged_by_its_threshold(check, evaluate, f1, passed):
    sha256 = evaluate(f1=f1)
    result = check("f1")
    assert result.passed is passed
    assert {name: entry.value for name, entry in result.metadata.items()} == {
        "value": f1,
        "threshold": 0.9,
        "evaluation": sha256,
    }


def test_a_gate_can_be_raised_in_a_file_and_a_file_that_is_no_such_thing_fails(check, evaluate, tmp_path):
    evaluate(f1=0.95)
    file = tmp_path / "gates.yaml"
    file.write_text("f1: 0.99\n")
    assert not check("f1", str(file)).passed
    assert check("ece", str(file)).passed
    file.write_text("f2: 0.99\n")
    assert "f2" in check("f1", str(file)).description
    file.unlink()
    assert not check("ece", str(file)).passed


def test_without_an_evaluation_a_gate_fails_and_says_so(check):
    result = check("f1")
    assert not result.passed
    assert "has not been materialised" in result.description


def test_scores_that_were_removed_fail_the_gate(check, evaluate, layout):
    sha256 = evaluate()
    (layout.evaluation(sha256) / "scores.json").unlink()
    assert not check("ece").passed


def test_tables_for_readers_name_every_gate_and_every_detector(layout, evaluated):
    scores = read_scores(layout.evaluation(evaluated(f1=0.5)))
    assert "| **failed** | f1 | 0.5 | 0.9 |" in gates_table(scores, Gates())
    assert all(name in gates_table(scores, Gates()) for name in Gates.model_fields)
    assert detectors_table(scores).splitlines()[-1].startswith("| a | 0.500 |")
