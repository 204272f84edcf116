"""The retriever's script: what it records, when it does not fit again, and what it refuses.

Weights are bytes that follow from the lessons; what a real fit makes of them is specified beside it.
"""

import hashlib
from pathlib import Path

import pytest

from mapper_assets.training import train_retriever
from mapper_assets.training.session import Lines
from mapper_assets.training.train_retriever import RetrieverError, TrainRetriever, read_record, train
from mapper_domain.catalog import load
from mapper_domain.errors import CatalogError
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_file

FORM = "      - postbox on the net\n"


class Digest:
    """A fitted retriever whose weights are the hash of its lessons and seed, in one file or in several."""

    def __init__(self, content: str, files: tuple[str, ...]) -> None:
        self._content, self._files = content, files

    def save(self, folder: Path) -> None:
        for name in self._files:
            (folder / name).write_text(self._content)


class DigestFit:
    """A fit that counts how often it was asked.

    Attributes:
        asked: the labels of every fit.
    """

    def __init__(self, *files: str) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._files = files or ("weights.safetensors",)

    def __call__(self, lessons, labels, sentences, *, seed, threads) -> Digest:
        self.asked.append(tuple(labels))
        return Digest(hashlib.sha256(repr((lessons, sentences, seed)).encode()).hexdigest(), self._files)


def lessons_seen(lessons, labels, layout, *, steps, seed, threads, log):
    """Stands for a sentence classifier: what it would have been tuned on."""
    return tuple(lesson.text for lesson in lessons), steps


@pytest.fixture
def fit():
    return DigestFit()


@pytest.fixture
def wanted(sources, layout):
    return TrainRetriever(root=sources, artifacts=layout.root, seed=7, threads=1)


def test_the_retriever_is_stored_below_the_hash_of_its_weights_with_its_record(wanted, layout, fit):
    made = train(wanted, Lines(), fit=fit, tune=lessons_seen)
    folder = layout.retriever(made.retriever_sha256)
    assert sha256_file(folder / "weights.safetensors") == made.retriever_sha256
    assert read_record(folder) == made
    assert [path.name for path in folder.parent.iterdir()] == [made.retriever_sha256]


def test_the_record_says_what_it_was_fitted_on(wanted, sources, fit):
    made = train(wanted, Lines(), fit=fit, tune=lessons_seen)
    catalog = load(sources)
    assert made.catalog_sha256 == catalog.sha256
    assert fit.asked == [tuple(label.name for label in catalog.taxonomy.labels)]
    assert made.lessons == sum(made.by_source.values()) == sum(made.by_label.values())
    assert {"mapping", "form", "invented", "nonsense"} <= set(made.by_source)
    assert {"scikit-learn", "torch"} <= set(made.libraries)
    assert made.seconds >= 0


def test_the_same_lessons_are_not_fitted_twice(wanted, fit):
    first = train(wanted, Lines(), fit=fit, tune=lessons_seen)
    assert train(wanted, Lines(), fit=fit, tune=lessons_seen) == first
    assert len(fit.asked) == 1


def test_a_comment_in_the_lexicon_fits_nothing_again(wanted, sources, fit):
    first = train(wanted, Lines(), fit=fit, tune=lessons_seen)
    with (sources / "taxonomy" / "lexicon" / "contact.yaml").open("a") as file:
        file.write("# reviewed\n")
    assert train(wanted, Lines(), fit=fit, tune=lessons_seen) == first
    assert len(fit.asked) == 1


def test_a_new_form_makes_another_retriever_and_taking_it_back_finds_the_first(wanted, sources, fit):
    first = train(wanted, Lines(), fit=fit, tune=lessons_seen)
    file = sources / "taxonomy" / "lexicon" / "contact.yaml"
    text = file.read_text()
    file.write_text(text + "      - letterbox online\n")
    second = train(wanted, Lines(), fit=fit, tune=lessons_seen)
    assert second.retriever_sha256 != first.retriever_sha256
    assert second.lessons == first.lessons + 1
    file.write_text(text)
    assert train(wanted, Lines(), fit=fit, tune=lessons_seen) == first
    assert len(fit.asked) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "weights.safetensors").write_bytes(b"altered"),
        lambda folder: (folder / train_retriever.RECORD).write_text("{"),
    ],
    ids=["altered weights", "damaged record"],
)
def test_a_damaged_retriever_is_fitted_again(wanted, layout, fit, damage):
    first = train(wanted, Lines(), fit=fit, tune=lessons_seen)
    damage(layout.retriever(first.retriever_sha256))
    assert train(wanted, Lines(), fit=fit, tune=lessons_seen).retriever_sha256 == first.retriever_sha256
    assert read_record(layout.retriever(first.retriever_sha256)).retriever_sha256 == first.retriever_sha256
    assert len(fit.asked) == 2


def test_a_broken_lexicon_fits_nothing(wanted, sources, fit):
    file = sources / "taxonomy" / "lexicon" / "contact.yaml"
    file.write_text(file.read_text().replace("PII.Contact.Email", "PII.Contact.Emial"))
    with pytest.raises(CatalogError, match="Emial"):
        train(wanted, Lines(), fit=fit, tune=lessons_seen)
    assert fit.asked == []


def test_weights_in_several_files_are_refused_and_nothing_is_left(wanted, layout):
    with pytest.raises(RetrieverError, match="2 safetensors"):
        train(wanted, Lines(), fit=DigestFit("a.safetensors", "b.safetensors"), tune=lessons_seen)
    assert list(Layout(layout.root).retriever("x").parent.iterdir()) == []


def test_a_folder_without_a_record_is_refused(tmp_path):
    with pytest.raises(RetrieverError, match="materialise training/retriever"):
        read_record(tmp_path)
