import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from catalogs import BROKEN, FOUNDING, MINIMAL, REPOSITORY, broken_copy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapper_domain.catalog import Catalog, load
from mapper_domain.errors import CatalogError, UnknownDetector


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load(REPOSITORY)


def test_the_catalogue_holds_131_canonical_labels_and_1322_labels_of_33_detectors(catalog: Catalog) -> None:
    assert catalog.taxonomy.version == "2026.11"
    assert len(catalog.taxonomy.names) == len(catalog.taxonomy.labels) == 131
    assert len(catalog.detectors) == len(list((REPOSITORY / "detectors").iterdir())) == 33
    assert sum(len(detector.maps) for detector in catalog.detectors) == 1322


@pytest.mark.parametrize(
    ("detector", "labels"),
    [("gitleaks", 222), ("google-cloud-dlp", 205), ("deepteam", 93), ("presidio", 89), ("codeshield", 64)],
)
def test_large_vocabularies_are_complete(catalog: Catalog, detector: str, labels: int) -> None:
    assert len(catalog.detector(detector).by_label) == labels


def test_every_canonical_label_is_described_and_every_detector_says_where_it_comes_from(catalog: Catalog) -> None:
    assert [label.name for label in catalog.taxonomy.labels if not label.description] == []
    assert [d.name for d in catalog.detectors if not (d.vendor and d.kind and d.source and d.output_shape)] == [
        "deberta-toxicity"
    ]


def test_relations_and_reservations_are_as_reviewed(catalog: Catalog) -> None:
    mappings = [mapping for detector in catalog.detectors for mapping in detector.maps]
    assert sum(len(mapping.taxonomy) > 1 and mapping.relation == "any" for mapping in mappings) == 186
    assert sum(mapping.relation == "all" for mapping in mappings) == 5
    assert sum(mapping.ambiguous for mapping in mappings) == 74


def test_a_hazard_code_is_opaque_and_means_another_thing_in_another_version(catalog: Catalog) -> None:
    older, newer = (catalog.detector(name).find("S5") for name in ("llama-guard-2", "llama-guard-3"))
    assert older is not None
    assert newer is not None
    assert older.opaque
    assert newer.opaque
    assert older.taxonomy != newer.taxonomy


@pytest.mark.parametrize(("detector", "label"), [("shieldgemma", "Yes"), ("granite-guardian", "No")])
def test_labels_that_yaml_could_take_for_truth_values_stay_text(catalog: Catalog, detector: str, label: str) -> None:
    assert catalog.detector(detector).find(label) is not None


def test_the_founding_detector_file_is_kept_as_it_was() -> None:
    kept = (REPOSITORY / "detectors" / "deberta-toxicity.yaml").read_text()
    assert kept == (FOUNDING / "detectors" / "deberta-toxicity.yaml").read_text()


def test_a_catalogue_in_the_founding_short_forms_loads() -> None:
    catalog = load(FOUNDING)
    (detector,) = catalog.detectors
    assert (detector.name, detector.version) == ("deberta-toxicity", "v1")
    assert {mapping.label: mapping.canonical for mapping in detector.maps}["identity_hate"] == (
        "HARM.SPEECH.Hate.Other",
    )
    assert catalog.frameworks.version == "v1.0"
    assert {row.control for row in catalog.frameworks.evidence_for(["PII.Identifier.SSN"])} == {
        "SOC2@v1.0:CC7.2",
        "ISO27001@v1.0:A.12.4.1",
        "HIPAA@v1.0:164.308(a)",
    }


def test_a_founding_mapping_file_beside_real_catalogues_resolves_to_their_editions(tmp_path: Path) -> None:
    for part in ("taxonomy", "detectors", "frameworks"):
        shutil.copytree(REPOSITORY / part, tmp_path / part)
    shutil.copy(FOUNDING / "frameworks" / "mappings.yaml", tmp_path / "frameworks" / "mappings.yaml")
    frameworks = load(tmp_path).frameworks
    assert {row.control for row in frameworks.evidence_for(["PII.Identifier.SSN"])} == {
        "SOC2@2017:CC7.2",
        "ISO27001@2013:A.12.4.1",
        "HIPAA@45CFR164:164.308(a)",
    }


def test_an_unknown_detector_is_answered_with_the_nearest_known_ones(catalog: Catalog) -> None:
    with pytest.raises(UnknownDetector) as raised:
        catalog.detector("openai-moderatoin")
    assert raised.value.nearest[0] == "openai-moderation"


def test_hidden_detectors_are_gone_and_change_the_content_hash(catalog: Catalog) -> None:
    hidden = catalog.without(["presidio", "gitleaks"])
    assert len(hidden.detectors) == 31
    assert "presidio" not in hidden.by_name
    assert hidden.sha256 != catalog.sha256


def test_a_missing_folder_is_a_problem_of_each_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CatalogError) as raised:
        load(tmp_path)
    assert [problem.file for problem in raised.value.problems] == [
        "detectors",
        "frameworks/mappings.yaml",
        "taxonomy/taxonomy.yaml",
    ]


def shuffled(value: object, random: object) -> object:
    """The same YAML value with its keys in another order; that of vocabularies and control lists is content."""
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)  # type: ignore[attr-defined]
        return {key: value[key] if key in ("maps", "controls") else shuffled(value[key], random) for key in keys}
    return [shuffled(item, random) for item in value] if isinstance(value, list) else value


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(random=st.randoms(use_true_random=False), comment=st.text("abc #:-{}[]'\"é", max_size=40))
def test_loading_depends_on_content_and_not_on_comments_or_key_order(
    tmp_path: Path, random: object, comment: str
) -> None:
    for path in MINIMAL.rglob("*.yaml"):
        copy = tmp_path / path.relative_to(MINIMAL)
        copy.parent.mkdir(parents=True, exist_ok=True)
        document = shuffled(yaml.load(path.read_text(), yaml.BaseLoader), random)
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        copy.write_text(f"# {comment}\n{text}# {comment}\n")
    assert load(tmp_path) == load(MINIMAL)
    assert load(tmp_path).sha256 == load(MINIMAL).sha256


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("detectors/first.yaml", "EMAIL: PII.Contact.Email", "EMAIL: PII.Person.Name"),
        ("detectors/first.yaml", "  no: OTHER.Safe\n", ""),
        ("taxonomy/taxonomy.yaml", "[person]", "[person, human]"),
        ("frameworks/mappings.yaml", "role: exception", "role: record"),
        ("frameworks/SOC2/2017.yaml", "Doors are locked", "Doors are shut"),
    ],
)
def test_a_change_of_content_changes_the_content_hash(tmp_path: Path, file: str, before: str, after: str) -> None:
    shutil.copytree(MINIMAL, tmp_path, dirs_exist_ok=True)
    text = (tmp_path / file).read_text()
    assert before in text
    (tmp_path / file).write_text(text.replace(before, after))
    assert load(tmp_path).sha256 != load(MINIMAL).sha256


def run(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mapper_domain.catalog", str(root)], capture_output=True, text=True, check=False
    )


def test_the_command_prints_one_line_of_counts_for_a_valid_catalogue() -> None:
    done = run(REPOSITORY)
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "131 labels. Detectors: 33 with 1322 labels." in done.stdout


def test_the_command_prints_every_problem_and_fails_without_a_traceback(tmp_path: Path) -> None:
    assert (BROKEN / "several-files-at-once").is_dir()
    done = run(broken_copy("several-files-at-once", tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("7 problems in the catalogue:\n")
    assert "Traceback" not in done.stderr
