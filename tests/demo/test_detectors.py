"""The real detectors, on the invented texts."""

import json
from pathlib import Path

import pytest

from demo.detectors import detect_secrets, presidio
from demo.texts import Sample, samples
from mapper_domain.catalog import Catalog
from mapper_domain.payloads import findings

SAMPLES = samples("acme", "2026-11-20")


def labels(catalog: Catalog, detector: str, output: object) -> set[str]:
    return {finding.label for finding in findings(json.loads(json.dumps(output)), catalog.detector(detector).native)}


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.name.startswith("settings")], ids=lambda s: s.name)
def test_detect_secrets_finds_credentials_its_yaml_knows(catalog: Catalog, sample: Sample) -> None:
    found = labels(catalog, "detect-secrets", detect_secrets(sample))
    assert found
    assert all(catalog.detector("detect-secrets").find(label) for label in found)


def test_detect_secrets_leaves_no_file_behind(tmp_path: Path) -> None:
    report = detect_secrets(Sample("settings.py", 'TOKEN = "AKIAQ3EGRTZW5B7HXKLM"\n', ()))
    places = [item["filename"] for found in report["results"].values() for item in found]
    assert places
    assert not any(Path(place).parent.exists() for place in places if Path(place).is_absolute())


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.name.startswith("ticket")], ids=lambda s: s.name)
def test_presidio_finds_the_personal_data_of_a_ticket(catalog: Catalog, sample: Sample) -> None:
    expected = {"EMAIL_ADDRESS", "CREDIT_CARD", "IBAN_CODE", "IP_ADDRESS", "PHONE_NUMBER", "US_SSN"}
    assert expected <= labels(catalog, "presidio", presidio(sample))


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.name.startswith("note")], ids=lambda s: s.name)
def test_both_find_nothing_where_nothing_is(catalog: Catalog, sample: Sample) -> None:
    assert labels(catalog, "presidio", presidio(sample)) == set()
    assert labels(catalog, "detect-secrets", detect_secrets(sample)) == set()
