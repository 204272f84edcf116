"""The dataset: balanced, the same every time, and free of everything that is held out."""

import json
from collections import Counter
from pathlib import Path

import pytest

from mapper_assets.training import dataset, golden, synthetic
from mapper_assets.training.lessons import NONSENSE_LESSONS
from mapper_assets.training.profiles import BUDGETS
from mapper_assets.training.splits import UNSEEN, SplitPlan, plan
from mapper_domain import prompt
from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout
from mapper_domain.lexicon import Lexicon
from mapper_domain.release import sha256_file
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import normalise

Rows = tuple[dataset.Example, ...]
LEXICON = {"form", "crossed", "described", "contrast", "invented"}


@pytest.fixture(scope="module")
def split(catalog: Catalog) -> SplitPlan:
    return plan(catalog)


@pytest.fixture(scope="module")
def cases(catalog: Catalog, split: SplitPlan) -> tuple[golden.GoldenCase, ...]:
    return golden.generate(catalog, split)


@pytest.fixture(scope="module")
def rows(catalog: Catalog, lexicon: Lexicon, split: SplitPlan, cases: tuple[golden.GoldenCase, ...]) -> Rows:
    return dataset.build(catalog, lexicon, split, cases)


def asked(row: dataset.Example) -> tuple[str, str]:
    """Detector and label of a row's question, without kind and meaning."""
    detector, label = row.instruction.removeprefix("Map to the taxonomy. Detector: ").split(", Output: ", 1)
    return detector.split(" (", 1)[0], label.split(", Meaning: ", 1)[0]


def answered(row: dataset.Example) -> list[str]:
    labels: list[str] = json.loads(row.response)["taxonomy"]
    return labels


def test_the_same_catalogue_gives_the_same_bytes(
    catalog: Catalog, lexicon: Lexicon, split: SplitPlan, cases: tuple[golden.GoldenCase, ...], rows: Rows
) -> None:
    assert dataset.text(dataset.build(catalog, lexicon, split, reversed(cases))) == dataset.text(rows)


def test_another_seed_gives_other_rows(
    catalog: Catalog, lexicon: Lexicon, split: SplitPlan, cases: tuple[golden.GoldenCase, ...], rows: Rows
) -> None:
    assert dataset.build(catalog, lexicon, split, cases, seed=7) != rows


def test_rows_have_the_founding_keys_and_come_sorted_without_repeats(rows: Rows) -> None:
    lines = dataset.text(rows).splitlines()
    assert all(list(json.loads(line)) == ["instruction", "response"] for line in lines)
    assert [row.instruction for row in rows] == sorted({row.instruction for row in rows})


@pytest.mark.parametrize("profile", BUDGETS)
def test_a_profile_says_how_many_rows_there_are_and_all_teach_every_label(
    catalog: Catalog,
    lexicon: Lexicon,
    split: SplitPlan,
    cases: tuple[golden.GoldenCase, ...],
    profile: str,
) -> None:
    rows = dataset.build(catalog, lexicon, split, cases, profile=profile)
    assert len(rows) == BUDGETS[profile].rows
    assert set(dataset.rows_by_label(rows)) == catalog.taxonomy.names


@pytest.mark.parametrize("profile", ["default", "full"])
def test_the_budget_sees_every_row_once(profile: str) -> None:
    assert BUDGETS[profile].steps * BUDGETS[profile].batch_size == BUDGETS[profile].rows


def test_no_label_drowns_the_rest(rows: Rows) -> None:
    counted = dataset.rows_by_label(rows)
    assert max(count for label, count in counted.items() if label != UNKNOWN) <= 0.03 * len(rows)
    assert 0.05 * len(rows) <= counted[UNKNOWN] <= 0.1 * len(rows)
    assert min(counted.values()) >= 0.003 * len(rows)


def test_responses_are_answers_over_the_taxonomy(catalog: Catalog, rows: Rows) -> None:
    for row in rows:
        assert row.response == prompt.answer(answered(row))
        assert set(answered(row)) <= catalog.taxonomy.names


def test_no_golden_spelling_is_in_a_row(cases: tuple[golden.GoldenCase, ...], rows: Rows) -> None:
    assert not {(case.detector, case.label) for case in cases} & set(map(asked, rows))
    assert not {case.question for case in cases} & {row.instruction for row in rows}


def test_no_held_out_detector_is_in_a_row(split: SplitPlan, rows: Rows) -> None:
    assert split.held_out
    assert not set(split.held_out) & {detector for detector, _ in map(asked, rows)}


def test_no_unseen_label_is_in_a_row_in_any_spelling(catalog: Catalog, split: SplitPlan, rows: Rows) -> None:
    asked_words = {(detector, normalise(label)) for detector, label in map(asked, rows)}
    assert not {(detector, normalise(label)) for detector, label in split.unseen_labels} & asked_words


def test_a_form_of_the_lexicon_that_is_a_held_out_label_is_not_taught(
    catalog: Catalog, lexicon: Lexicon, split: SplitPlan, cases: tuple[golden.GoldenCase, ...]
) -> None:
    held_out = {normalise(case.label) for case in cases if case.split in UNSEEN}
    forms = {normalise(form) for concept in lexicon.concepts for form in concept.forms}
    assert held_out & forms
    taught = dataset.lessons_of(catalog, lexicon, split, cases, seed=split.seed)
    assert not held_out & {normalise(lesson.text) for lesson in taught if lesson.source in LEXICON}


def test_a_description_is_given_now_and_then_and_always_for_codes(catalog: Catalog, rows: Rows) -> None:
    real = [row for row in rows if asked(row)[0] in catalog.by_name and answered(row) != [UNKNOWN]]
    opaque = {(d.name, normalise(m.label)) for d in catalog.detectors for m in d.maps if m.opaque}
    codes = [row for row in real if (asked(row)[0], normalise(asked(row)[1])) in opaque]
    plain = [row for row in real if row not in codes]
    assert codes
    assert all(", Meaning: " in row.instruction for row in codes)
    assert sum(", Meaning: " in row.instruction for row in plain) <= 0.4 * len(plain)
    assert 0.25 <= sum(", Meaning: " in row.instruction for row in rows) / len(rows) <= 0.4


def test_the_detector_s_kind_is_given_for_some_and_not_for_others(catalog: Catalog, rows: Rows) -> None:
    kinds = {detector.kind for detector in catalog.detectors}
    given = sum(any(f" ({kind})," in row.instruction for kind in kinds) for row in rows)
    assert 0.3 <= given / len(rows) <= 0.6


def test_rows_come_from_real_and_invented_detectors_and_from_the_lexicon(
    catalog: Catalog, lexicon: Lexicon, rows: Rows
) -> None:
    real, invented = set(catalog.by_name), {detector.name for detector in lexicon.detectors}
    said_by = Counter(
        "real" if name in real else "invented" if name in invented else "anybody" for name, _ in map(asked, rows)
    )
    assert min(said_by.values()) >= 0.1 * len(rows)
    assert set(said_by) == {"real", "invented", "anybody"}


def test_synthetic_rows_are_balanced_per_category() -> None:
    counted = Counter(concept.canonical.split(".")[0] for concept in synthetic.concepts(1))
    assert counted == dict.fromkeys(("PII", "JAILBREAK", "PROMPT_INJECTION"), synthetic.ROWS_PER_CATEGORY)


def test_synthetic_detectors_are_nobody_s(catalog: Catalog) -> None:
    assert not {concept.detector for concept in synthetic.concepts(1)} & set(catalog.by_name)


def test_labels_that_mean_nothing_are_unknown_for_real_and_invented_detectors(catalog: Catalog, rows: Rows) -> None:
    nonsense = set(synthetic.unmappable(plan(catalog).seed, NONSENSE_LESSONS))
    about = [row for row in rows if asked(row)[1] in nonsense and ", Meaning: " not in row.instruction]
    assert len(about) >= 0.035 * len(rows)
    assert {row.response for row in about} == {prompt.answer([UNKNOWN])}
    assert {asked(row)[0] in catalog.by_name for row in about} == {True, False}


def test_a_file_is_named_by_its_content(tmp_path: Path, rows: Rows) -> None:
    sha256, path = dataset.write(rows[:10], Layout(tmp_path))
    assert path == Layout(tmp_path).dataset(sha256)
    assert sha256_file(path) == sha256
    assert dataset.write(rows[:10], Layout(tmp_path)) == (sha256, path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_how_a_file_was_made_is_noted_beside_it(tmp_path: Path, rows: Rows) -> None:
    layout = Layout(tmp_path)
    sha256, path = dataset.write(rows[:10], layout)
    made = dataset.Made(sha256=sha256, profile="tiny", seed=7, rows=10, seconds=1.5)
    dataset.note(made, layout)
    assert dataset.read_note(layout, sha256) == made
    assert sorted(file.name for file in path.parent.iterdir()) == [f"{sha256}.json", f"{sha256}.jsonl"]


def test_a_file_without_a_note_is_named(tmp_path: Path) -> None:
    with pytest.raises(dataset.DatasetMissing, match="training/dataset"):
        dataset.read_note(Layout(tmp_path), "0" * 64)
