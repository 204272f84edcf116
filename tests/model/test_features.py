import numpy as np
import pytest
from letter_encoder import LetterEncoder

from mapper_domain.question import Question
from mapper_model.features import Features, Reader, spoken

WIDTH = LetterEncoder.size
LABELS = ("email address", "e-mail", "home address", "phone number", "phone")


def ask(label: str, description: str = "", detector: str = "") -> Question:
    return Question(detector=detector, label=label, description=description)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.learn([ask(label) for label in LABELS], LetterEncoder())


def read(reader: Reader, question: Question) -> Features:
    return reader.read([question])


def halves(found: Features) -> tuple[np.ndarray, np.ndarray]:
    """The n-grams of the label, and those of the description."""
    dense = found.ngrams.toarray()[0]
    return dense[: len(dense) // 2], dense[len(dense) // 2 :]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (ask("USSocialSecurity"), ("us social security", "")),
        (ask("PII_EMAIL", "Mails of persons."), ("pii email", "mails of persons")),
        (ask("toxic-bert/toxicity", detector="toxic-bert"), ("toxicity", "")),
        (ask("score", "Score of Toxic-BERT: threats", detector="toxic-bert"), ("score", "score of threats")),
        (ask("presidio", detector="presidio"), ("presidio", "")),
        (ask("???"), ("???", "")),
    ],
    ids=["words", "description", "own name", "own name in description", "nothing but its name", "no words"],
)
def test_a_question_is_spoken_in_plain_words_without_the_detectors_name(
    question: Question, said: tuple[str, str]
) -> None:
    assert spoken(question) == said


def test_rows_are_as_wide_as_two_vocabularies_and_three_embeddings(reader: Reader) -> None:
    found = reader.read([ask(label) for label in LABELS])
    assert found.ngrams.shape == (len(LABELS), 2 * len(reader.ngrams))
    assert found.vectors.shape == (len(LABELS), 3 * WIDTH)


def test_without_a_description_its_features_are_zero(reader: Reader) -> None:
    found = read(reader, ask("email address"))
    label, description = halves(found)
    assert label.any()
    assert not description.any()
    assert found.vectors[0, :WIDTH].any()
    assert not found.vectors[0, WIDTH:].any()


def test_a_description_is_read_apart_from_the_label_and_beside_it(reader: Reader) -> None:
    bare, described = read(reader, ask("email address")), read(reader, ask("email address", "phone number"))
    assert (halves(described)[0] == halves(bare)[0]).all()
    assert (halves(described)[1] == halves(read(reader, ask("phone number")))[0]).all()
    encoder = LetterEncoder()
    expected = encoder.encode(["email address", "phone number", "email address phone number"]).ravel()
    assert described.vectors[0] == pytest.approx(expected)


def test_only_what_was_written_is_encoded() -> None:
    encoder = LetterEncoder()
    reader = Reader({"ph": 1.0}, encoder)
    reader.read([ask("phone"), ask("mail", "an address")])
    assert encoder.read == ["phone", "mail", "an address", "mail an address"]


def test_ngrams_that_only_one_text_has_are_not_learnt(reader: Reader) -> None:
    assert {" ph", "phon", "ress"} <= reader.ngrams.keys()
    assert not {"hom", "umb"} & reader.ngrams.keys()


def test_ngrams_do_not_cross_the_border_between_words(reader: Reader) -> None:
    assert not any(" " in ngram.strip() for ngram in reader.ngrams)


def test_unknown_ngrams_do_no_harm(reader: Reader) -> None:
    found = read(reader, ask("zzyzx"))
    assert found.ngrams.nnz == 0
    assert np.isfinite(found.vectors).all()


def test_spellings_of_the_same_words_are_read_alike(reader: Reader) -> None:
    first, *others = (read(reader, ask(text)) for text in ("EMAIL_ADDRESS", "emailAddress", "email-address"))
    for other in others:
        assert (other.ngrams != first.ngrams).nnz == 0
        assert (other.vectors == first.vectors).all()


def test_a_reader_of_the_same_ngrams_reads_as_the_one_that_learnt_them(reader: Reader) -> None:
    questions = [ask("e-mail", "phone"), ask("home phone")]
    again = Reader(reader.ngrams, LetterEncoder())
    assert again.ngrams == reader.ngrams
    first, second = reader.read(questions), again.read(questions)
    assert second.ngrams.toarray() == pytest.approx(first.ngrams.toarray())
    assert (second.vectors == first.vectors).all()
