"""Vocabularies in the files people have."""

from pathlib import Path

import pytest

from mapper_assets.proposing.vocabularies import VocabularyError, read_vocabulary

REPOSITORY = Path(__file__).parents[3]


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("acme.csv", 'label,note,description\nno,x,"nothing, at all"\n1.10,y,\n'),
        ("acme.yaml", "- {label: no, description: 'nothing, at all'}\n- 1.10\n"),
        ("acme.yaml", "no: nothing, at all\n1.10: ''\n"),
        ("acme.yaml", "detector: acme\nmaps: {no: X, 1.10: [Y, Z]}\ndescriptions: {no: 'nothing, at all'}\n"),
    ],
)
def test_labels_and_descriptions_are_read_as_they_are_written(tmp_path, name, text) -> None:
    found = read_vocabulary(written(tmp_path, name, text))
    assert found.detector == "acme"
    assert [(term.label, term.description) for term in found.terms] == [("no", "nothing, at all"), ("1.10", "")]


def test_a_plain_list_has_one_label_a_line(tmp_path) -> None:
    found = read_vocabulary(written(tmp_path, "acme.txt", "Hate Speech\n\n #1 \n"), detector="other", kind="moderation")
    assert [term.label for term in found.terms] == ["Hate Speech", "#1"]
    assert (found.detector, found.kind) == ("other", "moderation")


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("detectors/*.yaml")), ids=lambda path: path.stem)
def test_a_detector_file_gives_its_vocabulary_and_not_its_mappings(path, catalog) -> None:
    detector = catalog.detector(path.stem)
    found = read_vocabulary(path)
    assert {(t.field, t.label, t.description) for t in found.terms} == {
        (m.field, m.label, m.description) for m in detector.maps
    }
    assert (found.kind, found.version) == (detector.kind, detector.version)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "name\nx\n", "`label` among label, field, description"),
        ("a.txt", "", "is no vocabulary"),
        ("a.txt", f"ok\n{'x' * 300}\n", r"label 2 \('x{40}'\)"),
        ("a.yaml", "a: [", "not valid YAML"),
        ("a.yaml", "just text", "neither a list of labels nor a mapping"),
        ("a.yaml", "[a, a]", "'a' is given twice"),
        ("a b.txt", "x", "must be the name of a detector"),
    ],
)
def test_what_is_no_vocabulary_is_told_apart_from_it(tmp_path, name, text, message) -> None:
    with pytest.raises(VocabularyError, match=message):
        read_vocabulary(written(tmp_path, name, text))


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    with pytest.raises(VocabularyError, match=r"none\.csv"):
        read_vocabulary(tmp_path / "none.csv")
