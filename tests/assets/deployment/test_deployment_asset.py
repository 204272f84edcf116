"""Promotion and rollback as people and automation start them: through the asset and its jobs."""

import dagster as dg
import pytest

from mapper_assets.assets.deployment import DEPLOYED_MODEL_VERSION
from mapper_assets.assets.evaluation import GOLDEN_SET_EVALUATION, RETRIEVER_SHA256
from mapper_assets.build import build_defs
from mapper_assets.checks.deployment import pointer_matches_log, release_verifies
from mapper_assets.deployment.pointer import promotions
from mapper_assets.provenance import SHA256, recorded
from mapper_assets.resources import Artifacts
from mapper_assets.settings import Settings
from mapper_domain.release import POINTER, read_pointer

OP = DEPLOYED_MODEL_VERSION.to_python_identifier()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def evaluate(evaluated, retrieved, instance):
    """An evaluation and the retriever beside it are written and recorded, whatever its checks said."""

    def record(**values) -> None:
        metadata = {SHA256: evaluated(**values), RETRIEVER_SHA256: retrieved()}
        instance.report_runless_asset_event(dg.AssetMaterialization(GOLDEN_SET_EVALUATION, metadata=metadata))

    return record


@pytest.fixture
def run(layout, sources, instance):
    """Runs a job, by default the promotion of the latest evaluation, as automation does."""
    defs = build_defs(Settings(root=sources, artifacts=layout.root, promoted_by="installation"))

    def execute(job: str = "promote_job", **config) -> dg.ExecuteInProcessResult:
        run_config = {"ops": {OP: {"config": config}}} if config or job == "promote_job" else None
        return defs.resolve_job_def(job).execute_in_process(
            run_config=run_config, instance=instance, raise_on_error=False
        )

    return execute


def serving(layout):
    pointer = read_pointer(layout.releases)
    return pointer.release if pointer else None


def why(result) -> str:
    """What a person reads in the UI about the failed step."""
    (event,) = [event for event in result.get_step_failure_events() if event.step_key == OP]
    return event.event_specific_data.user_failure_data.description


def test_the_latest_evaluation_becomes_the_release_that_serves(run, evaluate, layout, instance):
    evaluate()
    result = run()
    assert result.success
    assert {e.check_name: e.passed for e in result.get_asset_check_evaluations()} == {
        "pointer_matches_log": True,
        "release_verifies": True,
    }
    metadata = recorded(instance, DEPLOYED_MODEL_VERSION)
    assert (metadata["release"], metadata["changed"], metadata["held"]) == (serving(layout), True, False)
    assert promotions(layout.releases)[0].by == "installation"


def test_running_it_again_succeeds_and_changes_nothing(run, evaluate, layout):
    evaluate()
    run()
    before = (layout.releases / POINTER).read_bytes()
    assert run().success
    assert (layout.releases / POINTER).read_bytes() == before
    assert len(promotions(layout.releases)) == 1


def test_materialised_alone_after_a_failed_gate_it_judges_again_and_refuses(run, evaluate, layout):
    evaluate()
    run()
    first = serving(layout)
    evaluate(weights=b"worse", f1=0.4)
    result = run()
    assert not result.success
    assert "f1 is 0.4, the gate is 0.9" in why(result)
    assert serving(layout) == first


def test_without_an_evaluation_it_says_what_to_do(run):
    result = run()
    assert not result.success
    assert why(result) == "evaluation/golden_set_evaluation has not been materialised; materialise it first."


def test_the_rollback_job_goes_back_and_pins_with_one_click(run, evaluate, layout):
    evaluate()
    run()
    first = serving(layout)
    evaluate(weights=b"second")
    run()
    assert serving(layout) != first
    assert run("rollback_job").success
    assert serving(layout) == first
    assert promotions(layout.releases)[-1].hold


def test_after_a_rollback_automation_waits_and_says_so(run, evaluate, layout, instance):
    evaluate()
    run()
    evaluate(weights=b"second")
    run()
    run("rollback_job")
    evaluate(weights=b"third")
    assert run().success
    metadata = recorded(instance, DEPLOYED_MODEL_VERSION)
    assert (metadata["held"], metadata["release"]) == (True, serving(layout))
    assert metadata["candidate"] != serving(layout)


def test_a_person_lets_go_of_the_pin_by_choosing_a_release(run, evaluate, layout):
    evaluate()
    run()
    evaluate(weights=b"second")
    run()
    second = serving(layout)
    run("rollback_job")
    assert run(release=second, by="ada", reason="fixed elsewhere").success
    assert serving(layout) == second
    last = promotions(layout.releases)[-1]
    assert (last.by, last.reason, last.hold) == ("ada", "fixed elsewhere", False)


def test_an_unknown_release_is_refused_and_the_known_ones_are_named(run, evaluate, layout):
    evaluate()
    run()
    result = run(release="feedfacefeedface")
    assert not result.success
    assert str(serving(layout)) in why(result)


def test_an_altered_pointer_fails_its_check(run, evaluate, layout):
    evaluate()
    run()
    first = serving(layout)
    evaluate(weights=b"second")
    run()
    text = (layout.releases / POINTER).read_text()
    (layout.releases / POINTER).write_text(text.replace(serving(layout), first))
    assert serving(layout) == first
    assert not pointer_matches_log(artifacts=Artifacts(root=str(layout.root))).passed


def test_an_altered_file_of_the_serving_release_fails_its_check(run, evaluate, layout):
    evaluate()
    run()
    answers = layout.releases / serving(layout) / "answers.jsonl"
    answers.chmod(0o644)
    answers.write_text("altered")
    result = release_verifies(artifacts=Artifacts(root=str(layout.root)))
    assert not result.passed
    assert "answers.jsonl" in result.description
