"""The code location: what it consists of, that it loads, and that loading it stays light."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from mapper_assets.build import build_defs
from mapper_assets.settings import Settings

REPOSITORY = Path(__file__).parents[2]
KEYS = {
    "config/taxonomy",
    "config/detectors",
    "config/lexicon",
    "config/frameworks",
    "config/golden_set",
    "training/dataset",
    "training/base_model",
    "training/lora_adapter",
    "training/retriever",
    "evaluation/golden_set_evaluation",
    "evaluation/rival_scores",
    "deployment/deployed_model_version",
    "serving/canonical_events",
    "serving/event_manifest",
    "reports/framework_coverage",
    "reports/compliance_report",
    "reports/proposed_mappings",
}
PARTITIONED = {"serving/event_manifest", "reports/framework_coverage", "reports/compliance_report"}
HEAVY = (
    "torch",
    "transformers",
    "peft",
    "trl",
    "datasets",
    "pandas",
    "pyarrow",
    "weasyprint",
    "chdb",
    "clickhouse_connect",
    "matplotlib",
    "sklearn",
    "dagster_k8s",
    "boto3",
)


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(Settings(root=REPOSITORY))


@pytest.fixture(scope="module")
def specs(defs) -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def describe(spec: dg.AssetSpec, checks: list[str]) -> dict[str, object]:
    return {
        "deps": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "group": spec.group_name,
        "owners": sorted(spec.owners),
        "kinds": sorted(spec.kinds),
        "partitions": str(spec.partitions_def) if spec.partitions_def else None,
        "automatic": spec.automation_condition is not None,
        "checks": checks,
    }


def test_definitions_are_consistent(defs):
    dg.Definitions.validate_loadable(defs)


def test_every_asset_of_the_design_is_there_and_no_other(specs):
    assert set(specs) == KEYS


def test_specs_are_as_reviewed(defs, specs, snapshot):
    graph = defs.resolve_asset_graph()
    found = {}
    for name, spec in sorted(specs.items()):
        keys = graph.get_check_keys_for_assets({spec.key})
        blocking = {key.name: graph.get_check_spec(key).blocking for key in keys}
        found[name] = describe(spec, [f"{n}{' (blocking)' if blocking[n] else ''}" for n in sorted(blocking)])
    assert found == snapshot


def test_jobs_sensors_and_schedules_are_as_reviewed(defs, snapshot):
    names = {
        "jobs": sorted(job.name for job in defs.jobs),
        "sensors": sorted(sensor.name for sensor in defs.sensors),
        "schedules": sorted(schedule.name for schedule in defs.schedules),
    }
    assert names == snapshot


def test_every_asset_is_owned_grouped_by_its_prefix_and_described(specs):
    for name, spec in specs.items():
        assert spec.owners, name
        assert spec.group_name == name.split("/")[0]
        assert spec.description, name
        assert spec.kinds, name


def test_nothing_partitioned_runs_by_condition_and_everything_made_from_data_does(specs):
    automatic = {name for name, spec in specs.items() if spec.automation_condition}
    made = {name for name in KEYS if name.split("/")[0] in ("training", "evaluation", "deployment")}
    assert automatic == made - {"evaluation/rival_scores"}
    assert {name for name, spec in specs.items() if spec.partitions_def} == PARTITIONED


@pytest.mark.parametrize(("automation", "status"), [(True, "RUNNING"), (False, "STOPPED")])
def test_sensors_and_schedules_start_as_the_setting_says(automation, status):
    defs = build_defs(Settings(root=REPOSITORY, automation=automation))
    assert {sensor.default_status.value for sensor in defs.sensors} == {status}
    assert {schedule.default_status.value for schedule in defs.schedules} == {status}


def test_training_and_evaluation_share_a_pool_so_that_they_do_not_fight_for_the_machine(defs):
    graph = defs.resolve_asset_graph()
    pooled = {key.to_user_string() for key in graph.materializable_asset_keys if graph.get(key).pools}
    assert pooled == {
        "training/base_model",
        "training/lora_adapter",
        "training/retriever",
        "evaluation/golden_set_evaluation",
        "evaluation/rival_scores",
        "reports/proposed_mappings",
    }


def test_the_long_comparison_with_rivals_runs_when_asked_and_holds_up_no_retrain(defs):
    graph = defs.resolve_asset_graph()
    rivals = dg.AssetKey(["evaluation", "rival_scores"])
    assert graph.get(rivals).automation_condition is None
    assert rivals not in defs.resolve_job_def("retrain_job").asset_layer.selected_asset_keys


def test_loading_the_code_location_imports_no_heavy_library():
    script = "import sys; import mapper_assets.definitions; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    modules = set(loaded.stdout.split())
    assert "mapper_assets.definitions" in modules
    assert modules.isdisjoint(HEAVY)


def test_the_command_dagster_users_know_accepts_the_code_location():
    checked = subprocess.run(
        [str(Path(sys.executable).with_name("dg")), "check", "defs"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
