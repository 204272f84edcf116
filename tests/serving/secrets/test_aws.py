"""Secrets in AWS Secrets Manager, spoken to over HTTP; moto stands in for AWS and keeps versions as it does."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mapper_serving.secrets.opening import open_secrets
from mapper_serving.secrets.references import SecretUnavailable
from mapper_serving.secrets.store import Secrets
from mapper_serving.settings import Settings


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def manager(address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client for the server that this process's own clients find, too."""
    for name, value in {
        "AWS_ENDPOINT_URL_SECRETS_MANAGER": address,
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    return boto3.client("secretsmanager")


def secrets(failures: list[str] | None = None) -> Secrets:
    return open_secrets(Settings(secret_ttl_seconds=1e-9), (failures if failures is not None else []).append)


def test_a_text_a_field_and_an_arn_are_read(manager: Any) -> None:
    arn = manager.create_secret(Name="prod/mapper", SecretString='{"password": "hunter2", "port": 5432}')["ARN"]
    manager.create_secret(Name="plain", SecretString="hunter3")
    values = secrets()
    assert values.get("aws-sm:prod/mapper#password") == "hunter2"
    assert values.get(f"aws-sm:{arn}#password") == "hunter2"
    assert values.get("aws-sm:plain") == "hunter3"


def test_a_new_version_is_picked_up_and_the_last_one_outlives_the_secret(manager: Any) -> None:
    manager.create_secret(Name="rotating", SecretString="first")
    failures: list[str] = []
    values = secrets(failures)
    assert values.get("aws-sm:rotating") == "first"
    manager.put_secret_value(SecretId="rotating", SecretString="second")
    assert values.get("aws-sm:rotating") == "second"
    manager.delete_secret(SecretId="rotating", ForceDeleteWithoutRecovery=True)
    assert values.get("aws-sm:rotating") == "second"
    assert failures == ["aws-sm"]


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("aws-sm:nobody", "ResourceNotFoundException"),
        ("aws-sm:other#nothing", "KeyError"),
        ("aws-sm:other#port", "no text"),
        ("aws-sm:text#field", "JSONDecodeError"),
        ("aws-sm:binary", "KeyError"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_the_reference(manager: Any, reference: str, problem: str) -> None:
    for name, value in {
        "other": {"SecretString": '{"port": 5432}'},
        "text": {"SecretString": "hunter2"},
        "binary": {"SecretBinary": b"hunter2"},
    }.items():
        if name not in {found["Name"] for found in manager.list_secrets()["SecretList"]}:
            manager.create_secret(Name=name, **value)
    with pytest.raises(SecretUnavailable, match=f"{reference}.*{problem}") as caught:
        secrets().get(reference)
    assert "hunter2" not in str(caught.value)
