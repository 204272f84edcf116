"""The lexicon agrees with itself and with the taxonomy, and gives way to what reviewed detectors say.

Each folder below `lexicons/` but `valid` and `overruled` is one broken lexicon over the minimal catalogue, and in
`expected.txt` what its author is told. `overruled` is a sound one, of which reviewed mappings contradict a part.
"""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from catalogs import HERE, MINIMAL, REPOSITORY

from mapper_domain import catalog, lexicon
from mapper_domain.catalog import Catalog
from mapper_domain.errors import CatalogError, Problem
from mapper_domain.lexicon import Lexicon

LEXICONS = HERE / "lexicons"
BROKEN = sorted(path.name for path in LEXICONS.iterdir() if path.name not in {"valid", "overruled"})


def copy(case: str, folder: Path) -> Path:
    shutil.copytree(MINIMAL, folder, dirs_exist_ok=True)
    shutil.copytree(LEXICONS / case, folder, dirs_exist_ok=True)
    return folder


def load(root: Path) -> Lexicon:
    known = catalog.load(root)
    return lexicon.load(root, known.taxonomy, known.detectors)


def problems_of(case: str, folder: Path) -> tuple[Problem, ...]:
    with pytest.raises(CatalogError) as raised:
        load(copy(case, folder))
    return raised.value.problems


def overruled(root: Path) -> list[str]:
    known = catalog.load(root)
    return [str(note) for note in lexicon.examine(root, known.taxonomy, known.detectors).overruled]


def review(root: Path, mapping: str) -> None:
    """Add a mapping to the reviewed detector of the minimal catalogue."""
    file = root / "detectors" / "first.yaml"
    file.write_text(file.read_text().replace("maps:\n", f"maps:\n  {mapping}\n"))


@pytest.fixture(scope="module")
def valid(tmp_path_factory: pytest.TempPathFactory) -> Lexicon:
    return load(copy("valid", tmp_path_factory.mktemp("valid")))


@pytest.fixture(scope="module")
def shipped(catalog: Catalog) -> Lexicon:
    return lexicon.load(REPOSITORY, catalog.taxonomy, catalog.detectors)


def test_concepts_and_invented_detectors_are_read(valid: Lexicon) -> None:
    assert [concept.label for concept in valid.concepts] == ["PII.Contact.Email", "PII.Person.Name"]
    assert valid.concepts[0].contrasts == {"nickname": "PII.Person.Name"}
    assert [detector.name for detector in valid.detectors] == ["veil-scan"]
    assert valid.detectors[0].maps[0].description == "an address for electronic mail"


def test_a_form_may_have_two_meanings_where_a_description_tells_them_apart(valid: Lexicon) -> None:
    assert valid.ambiguous == {"handle"}


def test_forms_are_counted_by_label_with_described_ones(valid: Lexicon) -> None:
    assert valid.counts == {"PII.Contact.Email": 3, "PII.Person.Name": 2}


@pytest.mark.parametrize("case", BROKEN)
def test_the_author_is_told_every_problem_with_its_remedy(case: str, tmp_path: Path) -> None:
    told = [str(problem) for problem in problems_of(case, tmp_path)]
    assert told == (LEXICONS / case / "expected.txt").read_text().splitlines()


@pytest.mark.parametrize("case", BROKEN)
def test_the_line_named_holds_the_offending_value(case: str, tmp_path: Path) -> None:
    for problem in problems_of(case, tmp_path):
        if problem.line is not None and problem.value and "is missing" not in problem.message:
            line = (tmp_path / problem.file).read_text().splitlines()[problem.line - 1]
            assert problem.value in line


def test_forms_and_contrasts_that_a_reviewed_mapping_contradicts_are_told_with_line_and_remedy(tmp_path: Path) -> None:
    assert overruled(copy("overruled", tmp_path)) == (LEXICONS / "overruled" / "expected.txt").read_text().splitlines()


@pytest.mark.parametrize(
    "mapping",
    [
        pytest.param("MailAddress: PII.Contact.Email", id="agrees"),
        pytest.param(
            "mail address: {taxonomy: [PII.Person.Name, PII.Contact.Email], relation: any}",
            id="agrees beside another label",
        ),
        pytest.param("mail address: {taxonomy: PII.Person.Name, ambiguous: true}", id="experts differ"),
        pytest.param("mail address: {taxonomy: PII.Person.Name, opaque: true}", id="its detector's own code"),
        pytest.param("mail addresses: PII.Person.Name", id="another word"),
    ],
)
def test_a_mapping_that_does_not_contradict_a_form_overrules_nothing(mapping: str, tmp_path: Path) -> None:
    root = copy("valid", tmp_path)
    review(root, mapping)
    assert overruled(root) == []


def test_one_detector_that_agrees_with_a_form_upholds_it_against_another(tmp_path: Path) -> None:
    root = copy("valid", tmp_path)
    review(root, "MailAddress: PII.Person.Name")
    (root / "detectors" / "second.yaml").write_text(
        "detector: second\nversion: v1\nmaps: {mail-address: PII.Contact.Email}\n"
    )
    assert overruled(root) == []


def test_reviewing_a_label_never_breaks_the_lexicon_nor_changes_what_is_read(valid: Lexicon, tmp_path: Path) -> None:
    root = copy("valid", tmp_path)
    review(root, "MailAddress: PII.Person.Name")
    assert load(root) == valid
    assert len(overruled(root)) == 1


def test_the_command_notes_what_is_overruled_after_the_counts(tmp_path: Path) -> None:
    counts, *notes = lexicon.main(copy("overruled", tmp_path)).splitlines()
    assert counts.startswith("5 forms,")
    assert notes == [f"Note: {told}" for told in overruled(tmp_path)]


def test_the_command_succeeds_although_forms_are_overruled(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mapper_domain.lexicon", str(copy("overruled", tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert (done.returncode, done.stdout.count("Note: "), done.stderr) == (0, 2, "")


def test_the_command_counts_a_valid_lexicon(tmp_path: Path) -> None:
    said = lexicon.main(copy("valid", tmp_path))
    assert said.startswith("5 forms, 0 names with an ending and 0 descriptions in 2 concepts for 2 labels.")
    assert said.endswith(" 1 invented detectors with 2 labels.")


def test_the_command_reports_broken_detectors_beside_the_lexicon(tmp_path: Path) -> None:
    root = copy("concept-without-form", tmp_path)
    (root / "detectors" / "first.yaml").write_text("detector: first\nversion: v1\nmaps: {EMAIL: PII.Contact.Emial}\n")
    with pytest.raises(CatalogError) as raised:
        lexicon.main(root)
    assert [problem.file for problem in raised.value.problems] == [
        "detectors/first.yaml",
        "taxonomy/lexicon/contact.yaml",
    ]


def test_the_shipped_lexicon_has_forms_for_every_label(shipped: Lexicon, catalog: Catalog) -> None:
    assert {name for name in catalog.taxonomy.names if shipped.counts.get(name, 0) < 12} == set()


def test_invented_detectors_cover_every_kind_with_whole_vocabularies(shipped: Lexicon) -> None:
    kinds = Counter(detector.kind for detector in shipped.detectors)
    assert {"pii", "secrets", "moderation", "toxicity", "prompt-injection", "code", "mixed"} <= set(kinds)
    assert min(len(detector.maps) for detector in shipped.detectors) >= 10
