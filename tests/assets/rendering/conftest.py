"""One report over the whole catalogue, rendered once."""

from pathlib import Path

import pytest
from segments import DAY, TENANT, write_sound_day

from mapper_assets.rendering import json
from mapper_assets.reporting.bundle import build_report
from mapper_assets.reporting.report import Report
from mapper_domain.catalog import load
from mapper_domain.layout import Layout


@pytest.fixture(scope="session")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the report of the sound day."""
    layout, catalog = Layout(tmp_path_factory.mktemp("rendering")), load(Path(__file__).parents[3])
    write_sound_day(layout, catalog)
    return build_report(layout, catalog, TENANT, DAY).folder


@pytest.fixture(scope="session")
def report(bundle_folder: Path) -> Report:
    """The same as a value."""
    return json.read((bundle_folder / "report.json").read_bytes(), Report)
