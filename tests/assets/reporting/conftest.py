"""The real catalogue, a quick part of it, and one sound day of evidence."""

from pathlib import Path

import pytest
from segments import Recorder, Said, rejections, write_events, write_ledger, write_rejections

from mapper_domain.catalog import Catalog, load
from mapper_domain.layout import Layout

TENANT, DAY = "acme", "2026-11-21"
EXPECTED = ("deberta-toxicity", "detect-secrets", "gitleaks")
HOUR = 3600


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The repository's catalogue."""
    return load(Path(__file__).parents[3])


@pytest.fixture(scope="session")
def soc2(catalog: Catalog) -> Catalog:
    """The same with one framework, so that a report takes a second."""
    frameworks = catalog.frameworks
    only = {
        "editions": tuple(edition for edition in frameworks.editions if edition.key == "SOC2"),
        "evidence": tuple(row for row in frameworks.evidence if row.control.startswith("SOC2@")),
    }
    return catalog.model_copy(update={"frameworks": frameworks.model_copy(update=only)})


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "artifacts")


def sound_day() -> list[Said]:
    """Ten answers of three detectors, two of them promised; gitleaks was promised and stays silent."""
    return [
        Said("deberta-toxicity", "toxic", 8 * HOUR),
        Said("deberta-toxicity", "insult", 8 * HOUR + 60),
        Said("deberta-toxicity", None, 8 * HOUR + 120),
        Said("detect-secrets", "AWS Access Key", 9 * HOUR),
        Said("detect-secrets", "AWS Access Key", 9 * HOUR + 14 * 60),
        Said("detect-secrets", "AWS Access Key", 10 * HOUR),
        Said("detect-secrets", "never heard of it", 11 * HOUR),
        Said("presidio", "EMAIL_ADDRESS", 12 * HOUR),
        Said("presidio", "US_SSN", 12 * HOUR + 1),
        Said("presidio", None, 23 * HOUR),
    ]


@pytest.fixture
def recorder(soc2: Catalog) -> Recorder:
    return Recorder(soc2, TENANT, DAY, EXPECTED)


@pytest.fixture
def day(layout: Layout, recorder: Recorder) -> Layout:
    """A sound day in two segments, with two refused requests and a ledger that agrees."""
    records = [recorder.record(said) for said in sound_day()]
    write_events(layout, records[:6])
    write_events(layout, records[6:])
    write_rejections(layout, rejections(TENANT, DAY, ["unknown-detector", "malformed-body"]))
    write_ledger(layout, TENANT, DAY, len(records), 2)
    return layout
