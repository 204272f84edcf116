"""The real catalogue, a small part of it, and one sound day of evidence with and without its report."""

import shutil
from pathlib import Path

import pytest
from segments import DAY, TENANT, Recorder, write_sound_day

from mapper_assets.reporting.bundle import build_report
from mapper_domain.catalog import Catalog, load
from mapper_domain.layout import Layout


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The repository's catalogue."""
    return load(Path(__file__).parents[3])


@pytest.fixture(scope="session")
def small(catalog: Catalog) -> Catalog:
    """The same with six controls of one framework, so that a report takes a second: every state a control can have."""
    chosen = ("CC2.1", "CC6.1", "CC6.6", "CC7.2", "CC1.1", "P4.1")
    frameworks = catalog.frameworks
    edition = next(edition for edition in frameworks.editions if edition.key == "SOC2")
    controls = tuple(control for control in edition.controls if control.id in chosen)
    keys = {edition.key_of(control) for control in controls}
    only = {
        "editions": (edition.model_copy(update={"controls": controls}),),
        "evidence": tuple(row for row in frameworks.evidence if row.control in keys),
        "resolutions": {},
    }
    return catalog.model_copy(update={"frameworks": frameworks.model_copy(update=only)})


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An empty artefact root."""
    return Layout(tmp_path / "artifacts")


@pytest.fixture
def recorder(layout: Layout, small: Catalog) -> Recorder:
    """Has written a sound day below `layout` and can record what came later."""
    return write_sound_day(layout, small)


@pytest.fixture
def day(layout: Layout, recorder: Recorder) -> Layout:
    """A place with a sound day and no report."""
    return layout


@pytest.fixture(scope="session")
def _reported(tmp_path_factory: pytest.TempPathFactory, small: Catalog) -> Path:
    layout = Layout(tmp_path_factory.mktemp("reported"))
    write_sound_day(layout, small)
    build_report(layout, small, TENANT, DAY)
    return layout.root


@pytest.fixture
def reported(_reported: Path, day: Layout) -> Layout:
    """The same place after its first report."""
    shutil.copytree(_reported, day.root, dirs_exist_ok=True)
    return day
