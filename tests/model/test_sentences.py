import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mapper_assets.training.tunable import TunableClassifier
from mapper_domain.errors import ReleaseCorrupt
from mapper_domain.question import Question
from mapper_model.sentences import FROZEN, SentenceClassifier, sentence

LABELS = 3


@pytest.fixture(scope="module")
def classifier() -> SentenceClassifier:
    """Untuned layers below a linear layer that was drawn by lot."""
    drawn = np.random.default_rng(1)
    tensors = {
        name: drawn.normal(0, 0.1, values.shape).astype(np.float32) if "head" in name else values
        for name, values in TunableClassifier(LABELS).tensors().items()
    }
    return SentenceClassifier(tensors, LABELS)


def ask(label: str, description: str = "") -> Question:
    return Question(detector="some-guard", label=label, description=description)


@pytest.mark.parametrize(
    ("question", "read"),
    [
        (ask("EMAIL_ADDRESS"), "email address"),
        (ask("S1", "Telephone numbers."), "s1 : telephone numbers"),
        (ask("some-guard/phone"), "phone"),
    ],
)
def test_it_reads_plain_words_and_the_description_behind_them(question: Question, read: str) -> None:
    assert sentence(question) == read


def test_one_that_knows_nothing_finds_all_labels_equally_probable() -> None:
    said = SentenceClassifier(TunableClassifier(LABELS).tensors(), LABELS).score([ask("phone")])
    assert said == pytest.approx(np.full((1, LABELS), math.log(1 / LABELS)))


def test_every_answer_is_a_distribution(classifier: SentenceClassifier) -> None:
    said = classifier.score([ask("phone"), ask("S1", "Mailboxes.")])
    assert said.shape == (2, LABELS)
    assert np.exp(said).sum(axis=1) == pytest.approx([1.0, 1.0])


def test_a_question_is_answered_alike_whatever_it_is_asked_with(classifier: SentenceClassifier) -> None:
    alone = classifier.score([ask("phone")])[0]
    among = classifier.score([ask("a much longer label of many words about something else"), ask("phone")])[1]
    assert among == pytest.approx(alone, abs=1e-5)


def test_only_the_upper_layers_and_the_linear_layer_are_stored(classifier: SentenceClassifier) -> None:
    layers = {name.split("layer.")[1].split(".")[0] for name in classifier.tensors() if "layer." in name}
    assert sorted(map(int, layers)) == list(range(FROZEN, 6))
    assert any("head" in name for name in classifier.tensors())
    assert not any("embeddings" in name for name in classifier.tensors())


def test_it_scores_as_the_one_that_was_tuned_does() -> None:
    torch.manual_seed(1)
    tuned = TunableClassifier(LABELS)
    for parameter in tuned.head():
        torch.nn.init.normal_(parameter)
    questions = [ask("phone"), ask("US_SSN", "A number the United States give every resident."), ask("x"), ask("")]
    with torch.inference_mode():
        wanted = torch.log_softmax(tuned([sentence(question) for question in questions]).double(), dim=1)
    said = SentenceClassifier(tuned.tensors(), LABELS).score(questions)
    assert said == pytest.approx(wanted.numpy(), abs=1e-4)


def test_what_was_stored_answers_as_before(classifier: SentenceClassifier) -> None:
    again = SentenceClassifier(classifier.tensors(), LABELS)
    assert again.score([ask("phone")]) == pytest.approx(classifier.score([ask("phone")]))


def test_tensors_of_another_number_of_labels_are_refused(classifier: SentenceClassifier, tmp_path: Path) -> None:
    with pytest.raises(ReleaseCorrupt, match="tensors it should have"):
        SentenceClassifier(classifier.tensors(), LABELS + 1)


def test_nothing_asked_is_nothing_answered(classifier: SentenceClassifier) -> None:
    assert classifier.score([]).shape == (0, LABELS)
