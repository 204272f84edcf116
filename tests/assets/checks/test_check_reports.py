"""A report passes its checks as written, and no longer once it or its numbers were changed."""

from pathlib import Path

import dagster as dg
import pytest
from segments import DAY, TENANT, write_sound_day

from mapper_assets.assets.reports import BUNDLE, COMPLIANCE_REPORT
from mapper_assets.checks.reports import STAMPS, bundle_of, hash_problems, reconciliation_problems, version_problems
from mapper_assets.provenance import NotMaterialised
from mapper_assets.reporting.bundle import build_report
from mapper_domain.catalog import load
from mapper_domain.layout import Layout

REPOSITORY = Path(__file__).parents[3]
KEY = f"{DAY}|{TENANT}"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A real report of a sound day."""
    layout, catalog = Layout(tmp_path_factory.mktemp("reports")), load(REPOSITORY)
    write_sound_day(layout, catalog)
    return build_report(layout, catalog, TENANT, DAY)


@pytest.fixture
def manifest(written):
    return written.manifest


def test_the_bundle_is_the_one_the_partition_was_last_materialised_to(written):
    with dg.DagsterInstance.ephemeral() as instance:
        metadata = {BUNDLE: dg.MetadataValue.path(str(written.folder))}
        instance.report_runless_asset_event(
            dg.AssetMaterialization(COMPLIANCE_REPORT, partition=KEY, metadata=metadata)
        )
        assert bundle_of(instance, KEY) == written.folder
        with pytest.raises(NotMaterialised, match="globex"):
            bundle_of(instance, f"{DAY}|globex")


def test_a_bundle_as_recorded_passes_and_any_other_manifest_does_not(written):
    assert hash_problems(written.folder, written.manifest_sha256) == []
    assert hash_problems(written.folder, "0" * 64)
    assert hash_problems(written.folder, None)


def test_the_numbers_of_a_sound_day_reconcile(manifest):
    assert reconciliation_problems(manifest) == []
    assert version_problems(manifest) == []


@pytest.mark.parametrize(
    "change",
    [{"received": None}, {"received": 10_000}, {"rejected": 10_000}, {"accepted": None}, {"events": 0}],
    ids=str,
)
def test_numbers_that_do_not_add_up_are_found(manifest, change):
    counts = manifest.counts.model_copy(update=change)
    assert reconciliation_problems(manifest.model_copy(update={"counts": counts}))


def test_a_report_that_calls_itself_incomplete_never_passes(manifest):
    assert reconciliation_problems(manifest.model_copy(update={"status": "INCOMPLETE", "reasons": ()}))


@pytest.mark.parametrize("kind", STAMPS)
def test_every_version_an_auditor_needs_is_asked_for(manifest, kind):
    kept = tuple(use for use in manifest.versions if use.kind != kind)
    assert len(kept) < len(manifest.versions)
    assert version_problems(manifest.model_copy(update={"versions": kept}))
