"""A base model passes while its weights are the recorded ones."""

import json

import dagster as dg
import pytest

from mapper_assets.assets.training import BASE_MODEL
from mapper_assets.checks.base_model import weights_intact
from mapper_assets.provenance import SHA256
from mapper_assets.resources import default_resources
from mapper_assets.settings import Settings
from mapper_assets.training.prepare_base import SOURCE, Source
from mapper_domain.release import sha256_weights

NAME = "smollm2-135m-instruct"


@pytest.fixture
def folder(layout):
    """A base model folder with weights of a few bytes."""
    folder = layout.base_model(NAME)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    sha256 = sha256_weights(folder)
    source = Source(name=NAME, sha256=sha256, origin="", licence="", note="", dtype="float32", parameters=1)
    (folder / SOURCE).write_text(json.dumps(source.model_dump()))
    return folder


@pytest.fixture
def check(layout, folder):
    """Carries out the check after this hash was recorded, or nothing."""

    def run(recorded: str | None) -> dg.AssetCheckResult:
        resources = default_resources(Settings(artifacts=layout.root))
        with dg.DagsterInstance.ephemeral() as instance:
            if recorded:
                event = dg.AssetMaterialization(BASE_MODEL, metadata={SHA256: recorded})
                instance.report_runless_asset_event(event)
            context = dg.build_asset_check_context(instance=instance)
            return weights_intact(context, artifacts=resources["artifacts"], recipe=resources["recipe"])

    return run


def test_the_recorded_weights_pass(check, folder):
    assert check(sha256_weights(folder)).passed


def test_altered_weights_fail(check, folder):
    before = sha256_weights(folder)
    (folder / "model.safetensors").write_bytes(b"altered")
    assert not check(before).passed


@pytest.mark.parametrize("recorded", ["0" * 64, None])
def test_other_weights_than_recorded_fail_and_so_does_no_record(check, recorded):
    assert not check(recorded).passed
