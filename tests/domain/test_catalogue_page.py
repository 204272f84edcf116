"""Every YAML example on the catalogue page loads, laid over the real catalogue."""

import re
import shutil
from pathlib import Path

import pytest
from catalogs import REPOSITORY

from mapper_domain.catalog import Catalog, load

PAGE = (REPOSITORY / "docs" / "catalogue" / "README.md").read_text()
EXAMPLES = dict(re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL))


@pytest.fixture(scope="module")
def exemplary(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    root = tmp_path_factory.mktemp("catalogue")
    for part in ("taxonomy", "detectors", "frameworks"):
        shutil.copytree(REPOSITORY / part, root / part)
    for name, text in EXAMPLES.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
    return load(root)


def test_the_page_has_an_example_of_each_kind() -> None:
    assert sorted(EXAMPLES) == [
        "detectors/example-guard.yaml",
        "frameworks/EXAMPLE/2026.yaml",
        "frameworks/mappings.yaml",
    ]


def test_the_detector_example_means_what_the_page_says(exemplary: Catalog) -> None:
    detector = exemplary.detector("example-guard")
    assert detector.threshold == 0.7
    canonical = {(m.field, m.label): m.canonical for m in detector.maps}
    assert canonical[(None, "privacy")] == ("PRIVACY.Violation",)
    assert canonical[(None, "hate_threat")] == ("HARM.SPEECH.Hate.Other", "HARM.SPEECH.Threat")
    assert canonical[("answer", "high")] == ("HARM.GENERAL.Unsafe",)
    assert canonical[(None, "no")] == ("OTHER.Safe",)


def test_the_short_form_example_resolves_as_the_page_says(exemplary: Catalog) -> None:
    controls = [row.control for row in exemplary.frameworks.evidence_for(["PII.Identifier.SSN"])]
    assert controls == ["SOC2@2017:CC7.2", "ISO27001@2013:A.12.4.1", "HIPAA@45CFR164:164.308(a)"]
    assert "EXAMPLE@2026:E.1" in exemplary.frameworks.controls


@pytest.mark.parametrize("place", re.findall(r"^\| `([^`]+)` \|", PAGE, re.MULTILINE))
def test_every_place_the_page_names_holds_files(place: str) -> None:
    assert list(REPOSITORY.glob(re.sub(r"<[^>]+>", "*", place)))


def test_every_command_the_page_names_is_a_module() -> None:
    for module in re.findall(r"python -m (\S+)", PAGE):
        assert (REPOSITORY / Path(*module.split("."))).with_suffix(".py").is_file()
