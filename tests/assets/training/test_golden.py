"""The golden set in git is what the catalogue gives, and says what it may be used for."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from mapper_assets.training import golden
from mapper_assets.training.splits import SplitPlan, plan
from mapper_domain.catalog import Catalog
from mapper_domain.text import normalise

FOLDER = Path(__file__).parents[2] / "golden"

SMALL_VOCABULARIES = {
    "aws-comprehend-toxicity",
    "azure-content-safety",
    "deberta-toxicity",
    "llama-prompt-guard-1",
    "mlcommons-ailuminate",
    "shieldgemma",
    "spacy-ner-ontonotes",
    "wildguard",
}


@pytest.fixture(scope="module")
def split(catalog: Catalog) -> SplitPlan:
    return plan(catalog)


@pytest.fixture(scope="module")
def cases(catalog: Catalog, split: SplitPlan) -> tuple[golden.GoldenCase, ...]:
    return golden.generate(catalog, split)


def test_the_committed_files_are_byte_for_byte_what_the_catalogue_gives(cases: tuple[golden.GoldenCase, ...]) -> None:
    assert {file.name: file.read_text() for file in FOLDER.glob("*.jsonl")} == golden.files(cases)


def test_the_files_read_back_as_the_cases_they_were_made_of(cases: tuple[golden.GoldenCase, ...]) -> None:
    assert set(golden.read(FOLDER)) == set(cases)


def test_every_detector_has_a_hundred_cases_unless_its_vocabulary_is_too_small(
    catalog: Catalog, cases: tuple[golden.GoldenCase, ...]
) -> None:
    counted = Counter(case.detector for case in cases)
    assert set(counted) == set(catalog.by_name)
    assert {name for name, count in counted.items() if count < golden.CASES_PER_DETECTOR} == SMALL_VOCABULARIES


def test_cases_cover_every_category(catalog: Catalog, cases: tuple[golden.GoldenCase, ...]) -> None:
    assert {label.split(".")[0] for case in cases for label in case.expected} == set(catalog.taxonomy.categories)


def test_ids_are_unique(cases: tuple[golden.GoldenCase, ...]) -> None:
    assert len({case.id for case in cases}) == len(cases)


def test_every_case_is_one_spelling_of_one_mapping_with_that_mapping_s_meaning(
    catalog: Catalog, cases: tuple[golden.GoldenCase, ...]
) -> None:
    meanings = defaultdict(set)
    for detector in catalog.detectors:
        others = golden.variants(detector)
        for mapping in detector.maps:
            for spelling in (mapping.label, *others[mapping.field, mapping.label]):
                meanings[detector.name, mapping.field, spelling].add((mapping.taxonomy, mapping.relation))
    for case in cases:
        assert (case.expected, case.relation) in meanings[case.key]


def test_a_variant_never_spells_another_label_of_the_detector(catalog: Catalog) -> None:
    for detector in catalog.detectors:
        owners = defaultdict(set)
        for mapping in detector.maps:
            owners[normalise(mapping.label)].add(mapping.canonical)
        others = golden.variants(detector)
        for mapping in detector.maps:
            for variant in others[mapping.field, mapping.label]:
                assert owners.get(normalise(variant), {mapping.canonical}) == {mapping.canonical}


def test_negatives_get_no_affixes(catalog: Catalog) -> None:
    others = golden.variants(catalog.detector("llama-guard-3"))
    assert {normalise(variant) for variant in others[None, "safe"]} == {"safe"}


def test_disputed_and_opaque_labels_are_not_gated(catalog: Catalog, cases: tuple[golden.GoldenCase, ...]) -> None:
    for case in cases:
        mapping = catalog.detector(case.detector).find(case.label)
        if mapping is not None:
            assert case.gated == (not mapping.ambiguous and not mapping.opaque)


def test_splits_follow_the_plan(catalog: Catalog, split: SplitPlan, cases: tuple[golden.GoldenCase, ...]) -> None:
    for case in cases:
        known = catalog.detector(case.detector).find(case.label) is not None
        if case.detector in split.held_out:
            assert (case.split, case.kind) == ("unseen_detector", "")
        elif (case.detector, case.label) in split.unseen_labels:
            assert case.split == "unseen_label"
        elif case.split == "seen":
            assert known
        else:
            assert case.split in ("variant", "unseen_label")


def test_a_broken_file_is_reported_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(golden.GoldenError, match=r"x\.jsonl:1"):
        golden.read(tmp_path)


def test_a_missing_set_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(golden.GoldenError, match="--write"):
        golden.read(tmp_path)


def test_check_finds_a_stale_file_and_write_mends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = FOLDER.parents[1]
    for folder in ("taxonomy", "detectors", "frameworks"):
        (tmp_path / folder).symlink_to(root / folder)
    (tmp_path / "tests" / "golden").mkdir(parents=True)
    (tmp_path / "tests" / "golden" / "gone.jsonl").write_text("")
    assert golden.main(["--check", "--root", str(tmp_path)]) == 1
    assert "gone.jsonl" in capsys.readouterr().err
    assert golden.main(["--write", "--root", str(tmp_path)]) == 0
    assert golden.main(["--check", "--root", str(tmp_path)]) == 0
