"""The dataset: balanced, the same every time, and free of everything that is held out."""

import json
from collections import Counter
from pathlib import Path

import pytest

from mapper_assets.training import dataset, golden, synthetic
from mapper_assets.training.profiles import BUDGETS
from mapper_assets.training.splits import SplitPlan, plan
from mapper_domain import prompt
from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_file
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import normalise

Rows = tuple[dataset.Example, ...]


@pytest.fixture(scope="module")
def split(catalog: Catalog) -> SplitPlan:
    return plan(catalog)


@pytest.fixture(scope="module")
def cases(catalog: Catalog, split: SplitPlan) -> tuple[golden.GoldenCase, ...]:
    return golden.generate(catalog, split)


@pytest.fixture(scope="module")
def rows(catalog: Catalog, split: SplitPlan, cases: tuple[golden.GoldenCase, ...]) -> Rows:
    return dataset.build(catalog, split, cases)


def asked(row: dataset.Example) -> tuple[str, str]:
    """Detector and label of a row's question, without kind and meaning."""
    detector, label = row.instruction.removeprefix("Map to the taxonomy. Detector: ").split(", Output: ", 1)
    return detector.split(" (", 1)[0], label.split(", Meaning: ", 1)[0]


def answered(row: dataset.Example) -> list[str]:
    labels: list[str] = json.loads(row.response)["taxonomy"]
    return labels


def test_the_same_catalogue_gives_the_same_bytes(
    catalog: Catalog, split: SplitPlan, cases: tuple[golden.GoldenCase, ...], rows: Rows
) -> None:
    assert dataset.text(dataset.build(catalog, split, reversed(cases))) == dataset.text(rows)


def test_another_seed_gives_other_rows(
    catalog: Catalog, split: SplitPlan, cases: tuple[golden.GoldenCase, ...], rows: Rows
) -> None:
    assert dataset.build(catalog, split, cases, seed=7) != rows


def test_rows_have_the_founding_keys_and_come_sorted_without_repeats(rows: Rows) -> None:
    lines = dataset.text(rows).splitlines()
    assert all(list(json.loads(line)) == ["instruction", "response"] for line in lines)
    assert [row.instruction for row in rows] == sorted({row.instruction for row in rows})


def test_there_are_as_many_rows_as_a_small_machine_can_learn_in_minutes(rows: Rows) -> None:
    assert 1500 <= len(rows) <= 2200


def test_the_default_budget_sees_every_row_once(rows: Rows) -> None:
    budget = BUDGETS["default"]
    assert 0.95 * len(rows) <= budget.steps * budget.batch_size <= 1.1 * len(rows)


def test_every_canonical_label_is_taught_and_none_drowns_the_rest(catalog: Catalog, rows: Rows) -> None:
    counted = dataset.rows_by_label(rows)
    assert set(counted) == catalog.taxonomy.names
    assert max(count for label, count in counted.items() if label != UNKNOWN) <= 0.03 * len(rows)


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


def test_a_label_whose_exact_spelling_is_golden_is_trained_in_another(
    catalog: Catalog, cases: tuple[golden.GoldenCase, ...], rows: Rows
) -> None:
    trained = set(map(asked, rows))
    others = {detector.name: golden.variants(detector) for detector in catalog.detectors}
    seen = [case for case in cases if case.split == "seen" and case.gated]
    taught = [
        case
        for case in seen
        if any((case.detector, other) in trained for other in others[case.detector][case.field, case.label])
    ]
    assert len(taught) >= 0.75 * len(seen)


def test_a_description_is_given_rarely_except_for_codes(catalog: Catalog, rows: Rows) -> None:
    real = [row for row in rows if asked(row)[0] in catalog.by_name and answered(row) != [UNKNOWN]]
    opaque = {(d.name, normalise(m.label)) for d in catalog.detectors for m in d.maps if m.opaque}
    codes = [row for row in real if (asked(row)[0], normalise(asked(row)[1])) in opaque]
    plain = [row for row in real if row not in codes]
    assert codes
    assert all(", Meaning: " in row.instruction for row in codes)
    assert sum(", Meaning: " in row.instruction for row in plain) <= 0.15 * len(plain)


def test_synthetic_rows_are_balanced_per_category() -> None:
    counted = Counter(concept.canonical.split(".")[0] for concept in synthetic.concepts(1))
    assert counted == dict.fromkeys(("PII", "JAILBREAK", "PROMPT_INJECTION"), synthetic.ROWS_PER_CATEGORY)


def test_synthetic_detectors_are_nobody_s(catalog: Catalog) -> None:
    assert not {concept.detector for concept in synthetic.concepts(1)} & set(catalog.by_name)


def test_labels_that_mean_nothing_are_unknown_for_real_and_invented_detectors(catalog: Catalog, rows: Rows) -> None:
    nonsense = set(synthetic.unmappable(plan(catalog).seed))
    about = [row for row in rows if asked(row)[1] in nonsense]
    assert len(about) == synthetic.UNMAPPABLE_ROWS
    assert {row.response for row in about} == {prompt.answer([UNKNOWN])}
    assert {asked(row)[0] in catalog.by_name for row in about} == {True, False}


def test_no_meaningless_label_is_a_real_one(catalog: Catalog) -> None:
    real = {normalise(mapping.label) for detector in catalog.detectors for mapping in detector.maps}
    real |= {normalise(alias) for label in catalog.taxonomy.labels for alias in label.aliases}
    assert not {normalise(text) for text in synthetic.unmappable(plan(catalog).seed)} & real


def test_a_file_is_named_by_its_content(tmp_path: Path, rows: Rows) -> None:
    sha256, path = dataset.write(rows[:10], Layout(tmp_path))
    assert path == Layout(tmp_path).dataset(sha256)
    assert sha256_file(path) == sha256
    assert dataset.write(rows[:10], Layout(tmp_path)) == (sha256, path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
