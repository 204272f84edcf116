"""How the sentence classifier is tuned and kept; what a tuned one knows is specified with the retriever's fit."""

from pathlib import Path

import pytest

from mapper_assets.training import sentences
from mapper_assets.training.lessons import Lesson
from mapper_domain.layout import Layout

LABELS = ("PII.Contact.Email", "PII.Contact.Phone")
LESSONS = tuple(
    Lesson(text=text, canonical=(label,), source="form")
    for label, texts in zip(LABELS, (("email", "mail address", "inbox"), ("phone", "telephone", "cell")), strict=True)
    for text in texts
)


class Log(list[str]):
    """Lines that were logged, in order."""

    @property
    def tunings(self) -> int:
        """How often something was tuned."""
        return sum(line.startswith("Tuning") for line in self)


def tuned(layout: Layout, log: Log, **changed):
    wanted = {"lessons": LESSONS, "labels": LABELS, "steps": 2, "seed": 1, "threads": 1} | changed
    lessons, labels = wanted.pop("lessons"), wanted.pop("labels")
    return sentences.tuned(lessons, labels, layout, log=log.append, **wanted)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path)


def test_the_same_lessons_are_tuned_once(layout):
    log = Log()
    first, second = tuned(layout, log), tuned(layout, log)
    assert log.tunings == 1
    assert all((first.tensors()[name] == values).all() for name, values in second.tensors().items())


@pytest.mark.parametrize(
    "changed", [{"lessons": LESSONS[:-1]}, {"steps": 3}, {"seed": 2}, {"labels": (*LABELS, "OTHER.Unknown")}], ids=str
)
def test_anything_that_decides_what_comes_out_tunes_again(layout, changed):
    log = Log()
    tuned(layout, log)
    tuned(layout, log, **changed)
    assert log.tunings == 2


def test_a_classifier_that_was_lost_is_tuned_again_and_is_the_same(layout):
    log = Log()
    first = tuned(layout, log)
    for path in layout.sentences("x").parent.rglob("*.safetensors"):
        path.unlink()
    second = tuned(layout, log)
    assert log.tunings == 2
    assert all((first.tensors()[name] == values).all() for name, values in second.tensors().items())


def test_nothing_half_written_is_left(layout):
    tuned(layout, Log())
    assert not [path for path in layout.sentences("x").parent.iterdir() if path.name.startswith(".")]
