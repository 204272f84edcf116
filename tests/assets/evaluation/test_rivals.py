from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mapper_assets.evaluation.rivals import Example, Guess, Lookup, examples, spoken, train
from mapper_assets.evaluation.scores import RIVALS
from mapper_assets.training.embeddings import Remembering
from mapper_assets.training.lessons import Lesson
from mapper_domain.question import Question
from mapper_model.encoder import SentenceEncoder

EXAMPLES = [
    Example("EMAIL", "PII.Email"),
    Example("e-mail address", "PII.Email"),
    Example("phone_number", "PII.Phone"),
    Example("telephone", "PII.Phone"),
    Example("person", "PII.Name"),
    Example("full name", "PII.Name"),
    Example("insult", "HARM.Insult"),
    Example("abusive language", "HARM.Insult"),
]


def asked(*labels: str) -> list[Question]:
    return [Question(detector="stranger", label=label) for label in labels]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder.installed()


@pytest.mark.parametrize(
    ("text", "guess"),
    [
        ("E-Mail", Guess("PII.Email", 1.0)),
        ("phoneNumber", Guess("PII.Phone", 1.0)),
        ("fax", Guess("OTHER.Unknown", 0.0)),
        ("---", Guess("OTHER.Unknown", 0.0)),
    ],
)
def test_lookup_knows_spellings_and_nothing_else(text: str, guess: Guess) -> None:
    assert Lookup(EXAMPLES).guess(asked(text)) == [guess]


def test_lookup_takes_the_majority_and_says_how_large_it_was() -> None:
    table = Lookup([Example("status", "A"), Example("Status", "A"), Example("STATUS", "B")])
    assert table.guess(asked("status")) == [Guess("A", pytest.approx(2 / 3))]


@pytest.mark.parametrize(
    ("text", "label"),
    [("emailAddress", "PII.Email"), ("PhoneNo", "PII.Phone"), ("abuse", "HARM.Insult"), ("FULL_NAME", "PII.Name")],
)
@pytest.mark.parametrize("name", RIVALS[1:])
def test_learned_rivals_find_words_they_have_not_seen(
    name: str, text: str, label: str, encoder: SentenceEncoder
) -> None:
    (guess,) = train(EXAMPLES, encoder, [name])[name].guess(asked(text))
    assert guess.label == label
    assert 0.0 < guess.confidence <= 1.0


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_asked_nothing_answers_nothing(name: str, encoder: SentenceEncoder) -> None:
    assert train(EXAMPLES, encoder)[name].guess([]) == []


def test_rivals_do_not_depend_on_the_order_of_their_examples(encoder: SentenceEncoder) -> None:
    texts = asked("mail", "mobile", "nickname", "swearing")
    forward, backward = train(EXAMPLES, encoder), train(EXAMPLES[::-1], encoder)
    assert {n: r.guess(texts) for n, r in forward.items()} == {n: r.guess(texts) for n, r in backward.items()}


@pytest.mark.parametrize(("text", "said"), [("US_SSN", "us ssn"), ("usSsn", "us ssn"), ("--", "--")])
def test_labels_are_spoken_as_words(text: str, said: str) -> None:
    assert spoken(text) == said


class CountingEncoder:
    """An encoder of one-dimensional vectors that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The length of each text."""
        self.asked.extend(texts)
        return np.array([[len(text)] for text in texts], dtype=np.float32).reshape(-1, 1)


def test_a_text_is_encoded_once_and_rows_keep_their_order() -> None:
    counting = CountingEncoder()
    shared = Remembering(counting)
    shared.encode(["a", "bb"])
    assert shared.encode(["bb", "ccc", "a", "bb"]).ravel().tolist() == [2.0, 3.0, 1.0, 2.0]
    assert counting.asked == ["a", "bb", "ccc"]


def test_what_is_said_beside_a_label_counts_for_those_who_read_it(encoder: SentenceEncoder) -> None:
    described = Question(detector="stranger", label="X1", description="The electronic mail address of a person.")
    guesses = {name: rival.guess([described])[0].label for name, rival in train(EXAMPLES, encoder).items()}
    assert guesses.pop("lookup") == "OTHER.Unknown"
    assert set(guesses.values()) == {"PII.Email"}


def test_rivals_learn_what_the_mapper_learns_but_for_the_detector() -> None:
    def lesson(detector: str, description: str = "") -> Lesson:
        return Lesson(
            text="S5", description=description, detector=detector, canonical=("HARM.A", "HARM.B"), source="mapping"
        )

    found = examples([lesson("one"), lesson("other"), lesson("one", "Something bad.")])
    assert found == (Example("S5", "HARM.A"), Example("S5", "HARM.A", "Something bad."))


def test_a_table_learns_no_label_that_only_its_description_explains() -> None:
    assert Lookup([Example("S5", "HARM.A", "Something bad.")]).guess(asked("S5")) == [Guess("OTHER.Unknown", 0.0)]


def test_only_the_rivals_asked_for_are_trained(encoder: SentenceEncoder) -> None:
    assert list(train(EXAMPLES, encoder, ["minilm_regression", "lookup"])) == ["lookup", "minilm_regression"]
