import numpy as np
import pytest
import scipy.sparse as sp

from mapper_domain.question import Question
from mapper_model.features import Reader, spoken

COOKIE, PLAIN = "sensitive cookie without http only flag", "missing encryption of sensitive data"
LABELS = ("email address", "e-mail", "home address", "phone number", "phone")


def ask(label: str, description: str = "", detector: str = "") -> Question:
    return Question(detector=detector, label=label, description=description)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.learn([ask(label) for label in LABELS])


def read(reader: Reader, question: Question) -> sp.csr_matrix:
    return reader.read([question])


def halves(found: sp.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """The n-grams of the label, and those of the description."""
    dense = found.toarray()[0]
    return dense[: len(dense) // 2], dense[len(dense) // 2 :]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (ask("USSocialSecurity"), ("us social security", "")),
        (ask("PII_EMAIL", "Mails of persons."), ("pii email", "mails of persons")),
        (ask("toxic-bert/toxicity", detector="toxic-bert"), ("toxicity", "")),
        (ask("score", "Score of Toxic-BERT: threats", detector="toxic-bert"), ("score", "score of threats")),
        (ask("AWS_ACCESS_KEY", detector="aws-scanner"), ("aws access key", "")),
        (ask("presidio", detector="presidio"), ("presidio", "")),
        (ask("CWE-1004", "As CWE-311."), (f"cwe {COOKIE}", f"as cwe {PLAIN}")),
        (ask("???"), ("???", "")),
    ],
    ids=[
        *("words", "description", "own name", "own name in description", "a word of its name", "nothing but its name"),
        *("numbers of weaknesses", "no words"),
    ],
)
def test_a_question_is_spoken_in_plain_words_without_the_detectors_name(
    question: Question, said: tuple[str, str]
) -> None:
    assert spoken(question) == said


def test_rows_are_as_wide_as_two_vocabularies(reader: Reader) -> None:
    found = reader.read([ask(label) for label in LABELS])
    assert found.shape == (len(LABELS), 2 * len(reader.ngrams))


def test_without_a_description_its_features_are_zero(reader: Reader) -> None:
    found = read(reader, ask("email address"))
    label, description = halves(found)
    assert label.any()
    assert not description.any()


def test_a_description_is_read_apart_from_the_label(reader: Reader) -> None:
    bare, described = read(reader, ask("email address")), read(reader, ask("email address", "phone number"))
    assert (halves(described)[0] == halves(bare)[0]).all()
    assert (halves(described)[1] == halves(read(reader, ask("phone number")))[0]).all()


def test_ngrams_that_only_one_text_has_are_not_learnt(reader: Reader) -> None:
    assert {" ph", "phon", "ress"} <= reader.ngrams.keys()
    assert not {"hom", "umb"} & reader.ngrams.keys()


def test_ngrams_do_not_cross_the_border_between_words(reader: Reader) -> None:
    assert not any(" " in ngram.strip() for ngram in reader.ngrams)


def test_unknown_ngrams_do_no_harm(reader: Reader) -> None:
    found = read(reader, ask("zzyzx"))
    assert found.nnz == 0


def test_spellings_of_the_same_words_are_read_alike(reader: Reader) -> None:
    first, *others = (read(reader, ask(text)) for text in ("EMAIL_ADDRESS", "emailAddress", "email-address"))
    for other in others:
        assert (other != first).nnz == 0


def test_a_reader_of_the_same_ngrams_reads_as_the_one_that_learnt_them(reader: Reader) -> None:
    questions = [ask("e-mail", "phone"), ask("home phone")]
    again = Reader(reader.ngrams)
    assert again.ngrams == reader.ngrams
    first, second = reader.read(questions), again.read(questions)
    assert second.toarray() == pytest.approx(first.toarray())
