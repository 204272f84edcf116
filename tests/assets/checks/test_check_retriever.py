"""The checks of the retriever: what each finds, and what it lets through."""

import math
from pathlib import Path

import pytest

from mapper_assets.checks.retriever import LEAST_RIGHT, answer_problems, file_problems, known_questions
from mapper_domain.catalog import Catalog
from mapper_domain.release import sha256_file
from mapper_model.retriever import Retriever

A, B = "HARM.A", "HARM.B"


def says(label: str, sure: float = 0.9) -> dict[str, float]:
    return {name: math.log(sure if name == label else 1 - sure) for name in (A, B)}


def test_a_retriever_that_maps_as_reviewed_passes():
    assert answer_problems([(says(A), (A,)), (says(B), (B, A))], [A, B]) == []


@pytest.mark.parametrize(("wrong", "problems"), [(5, 0), (6, 1)])
def test_one_in_twenty_labels_may_be_wrong_and_no_more(wrong, problems):
    answers = [(says(B), (A,))] * wrong + [(says(A), (A,))] * (100 - wrong)
    assert LEAST_RIGHT == 0.95
    assert len(answer_problems(answers, [A, B])) == problems


def test_any_of_several_right_labels_will_do():
    assert answer_problems([(says(B), (A, B))], [A, B]) == []


def test_answers_about_other_labels_than_the_taxonomy_s_are_found():
    assert "labels of the taxonomy" in answer_problems([(says(A), (A,))], [A, B, "HARM.C"])[0]


def test_what_is_no_distribution_is_found():
    assert "sum to one" in answer_problems([({A: 0.0, B: 0.0}, (A,))], [A, B])[0]


def test_every_label_is_asked_about_but_opaque_ones(catalog: Catalog):
    asked = known_questions(catalog)
    assert len(asked) == sum(not m.opaque for d in catalog.detectors for m in d.maps)
    assert all(question.description == "" and right for question, right in asked)


def test_a_retriever_that_was_never_taught_the_catalogue_is_found_out(tiny_retriever: Path, catalog: Catalog):
    questions, right = zip(*known_questions(catalog), strict=True)
    answers = list(zip(Retriever.load(tiny_retriever).score(questions), right, strict=True))
    problems = answer_problems(answers, catalog.taxonomy.names)
    assert len(problems) == 1
    assert "of the catalogue's labels are mapped as reviewed, not 95%" in problems[0]


@pytest.fixture
def folder(layout, retrieved):
    return layout.retriever(retrieved())


def test_a_complete_folder_has_no_problem(folder):
    assert file_problems(folder) == []


def test_altered_weights_are_found(folder):
    (folder / "retriever.safetensors").write_bytes(b"other")
    assert sha256_file(folder / "retriever.safetensors") != folder.name
    assert len(file_problems(folder)) == 1


def test_a_missing_record_is_found(folder):
    (folder / "retriever.json").unlink()
    assert file_problems(folder) == ["retriever.json is missing."]
