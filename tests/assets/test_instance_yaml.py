"""Both instance files are what this Dagster version accepts, read by its own loader."""

from pathlib import Path

import pytest
import yaml
from dagster._config import process_config
from dagster._core.instance.config import dagster_instance_config
from dagster._core.instance.ref import InstanceRef
from dagster_k8s import K8sRunLauncher
from dagster_k8s.job import UserDefinedDagsterK8sConfig

ROOT = Path(__file__).parents[2]
PRODUCTION_ENVIRONMENT = {
    "DAGSTER_PG_USER": "dagster",
    "DAGSTER_PG_PASSWORD": "secret",
    "DAGSTER_PG_HOST": "postgres",
    "DAGSTER_PG_DB": "dagster",
    "DAGSTER_PG_PORT": "5432",
    "DAGSTER_K8S_NAMESPACE": "mapper",
    "DAGSTER_K8S_SERVICE_ACCOUNT": "mapper-dagster",
    "DAGSTER_K8S_INSTANCE_CONFIG_MAP": "mapper-dagster-instance",
    "MAPPER_ASSETS_IMAGE": "llama-mapper-assets:0.1.0",
    "DAGSTER_COMPUTE_LOGS_BUCKET": "mapper-logs",
    "AWS_REGION": "eu-central-1",
}


@pytest.fixture
def instance_config(tmp_path, monkeypatch):
    """Loads an instance file as Dagster would from a DAGSTER_HOME."""
    for name, value in PRODUCTION_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)

    def load(file: str):
        (tmp_path / "dagster.yaml").write_text((ROOT / file).read_text())
        config, _ = dagster_instance_config(str(tmp_path))
        return config, InstanceRef.from_dir(str(tmp_path))

    return load


@pytest.mark.parametrize("file", ["dagster.yaml", "deploy/dagster.prod.yaml"])
def test_instance_file_is_accepted_and_keeps_telemetry_off(instance_config, file):
    config, _ = instance_config(file)
    assert config["telemetry"] == {"enabled": False}


@pytest.mark.parametrize("file", ["dagster.yaml", "deploy/dagster.prod.yaml"])
def test_a_failed_gate_is_never_retried_as_if_it_were_a_crash(instance_config, file):
    config, _ = instance_config(file)
    assert config["run_retries"]["retry_on_asset_or_op_failure"] is False
    assert config["run_monitoring"]["free_slots_after_run_end_seconds"] > 0


def test_embedded_instance_keeps_everything_below_its_own_folder():
    config = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    folders = [
        config["storage"]["sqlite"]["base_dir"],
        config["local_artifact_storage"]["config"]["base_dir"],
        config["compute_logs"]["config"]["base_dir"],
    ]
    assert all(folder.startswith(".dagster/") for folder in folders)


def test_production_log_store_accepts_its_configuration(instance_config):
    _, reference = instance_config("deploy/dagster.prod.yaml")
    assert type(reference.compute_log_manager).__name__ == "S3ComputeLogManager"


def test_production_launcher_accepts_its_configuration(instance_config):
    config, _ = instance_config("deploy/dagster.prod.yaml")
    result = process_config(K8sRunLauncher.config_type(), config["run_launcher"]["config"])
    assert result.success, result.errors


def test_pods_of_production_runs_are_described_in_fields_kubernetes_knows(instance_config):
    config, _ = instance_config("deploy/dagster.prod.yaml")
    pod = UserDefinedDagsterK8sConfig.from_dict(config["run_launcher"]["config"]["run_k8s_config"])
    assert pod.job_spec_config == {"ttl_seconds_after_finished": 3600}


def test_production_storage_is_postgresql_from_the_environment(instance_config):
    _, reference = instance_config("deploy/dagster.prod.yaml")
    assert "dagster_postgres" in reference.storage_data.module_name


def test_no_secret_is_written_into_the_production_file():
    config = yaml.safe_load((ROOT / "deploy" / "dagster.prod.yaml").read_text())
    assert all("env" in value for value in config["storage"]["postgres"]["postgres_db"].values())
