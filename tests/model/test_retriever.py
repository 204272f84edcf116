import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from letter_encoder import LetterEncoder
from letter_sentences import LetterSentences
from scipy.special import log_softmax

from mapper_domain.question import Question
from mapper_model.features import Reader
from mapper_model.retriever import SPELLING, VOCABULARY, WEIGHTS, Retriever

EMAIL, PHONE, NEVER = "PII.Contact.Email", "PII.Contact.Phone", "HARM.SPEECH.Threat"
LABELS = (PHONE, NEVER, EMAIL)


@pytest.fixture(scope="module")
def retriever() -> Retriever:
    """Knows mails by `mail` and phones by `phon`, wherever they stand; meanings say a little of everything."""
    reader = Reader({"mail": 1.0, "phon": 2.0})
    ngrams = np.zeros((4, 3), dtype=np.float32)
    ngrams[[0, 2], LABELS.index(EMAIL)] = 3.0
    ngrams[[1, 3], LABELS.index(PHONE)] = 3.0
    weights = np.random.default_rng(1).normal(0, 0.1, (LetterEncoder.size, 3)).astype(np.float32)
    intercept = np.array([0.0, -30.0, 0.0], dtype=np.float32)
    return Retriever(LABELS, reader, LetterSentences({"weights": weights}, 3), ngrams=ngrams, intercept=intercept)


def ask(label: str, description: str = "", detector: str = "") -> Question:
    return Question(detector=detector, label=label, description=description)


QUESTIONS = (ask("EMAIL_ADDRESS"), ask("S1", "Telephone numbers."), ask("zzyzx"), ask("???"))


def best(retriever: Retriever, question: Question) -> str:
    said = retriever.score([question])[0]
    return max(said, key=lambda label: said[label])


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.label)
def test_every_answer_is_a_distribution_over_all_labels(retriever: Retriever, question: Question) -> None:
    said = retriever.score([question])[0]
    assert tuple(said) == LABELS
    assert math.fsum(map(math.exp, said.values())) == pytest.approx(1.0)
    assert all(value <= 0.0 for value in said.values())


def test_label_and_description_both_count(retriever: Retriever) -> None:
    assert best(retriever, ask("EMAIL_ADDRESS")) == EMAIL
    assert best(retriever, ask("S1", "Telephone numbers.")) == PHONE
    assert best(retriever, ask("S1", "Mailboxes.")) == EMAIL


def test_beside_its_description_the_bare_label_is_heard_too(
    retriever: Retriever, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ask("EMAIL_ADDRESS", "Group of telephones.")
    heard = retriever.score([question])[0][EMAIL]
    monkeypatch.setattr("mapper_model.retriever.BARE_SHARE", 0.0)
    assert heard > retriever.score([question])[0][EMAIL]


def test_the_name_of_the_detector_says_nothing(retriever: Retriever) -> None:
    alone, named = retriever.score([ask("phone number"), ask("mail guard phone number", detector="mail-guard")])
    assert named == pytest.approx(alone)


def test_the_field_says_nothing(retriever: Retriever) -> None:
    question = ask("phone")
    assert retriever.score([question.model_copy(update={"field": "mail"})]) == retriever.score([question])


@pytest.mark.parametrize("told", [{"detector": "toxic-comments"}, {"kind": "toxicity"}], ids=["by name", "by kind"])
def test_what_a_detector_is_about_is_more_probable(retriever: Retriever, told: dict[str, str]) -> None:
    question = ask("zzyzx")
    anybody, somebody = retriever.score([question, question.model_copy(update=told)])
    assert somebody[NEVER] > anybody[NEVER]
    assert somebody[EMAIL] - somebody[PHONE] == pytest.approx(anybody[EMAIL] - anybody[PHONE])


def test_questions_do_not_change_each_others_answers(retriever: Retriever) -> None:
    together = retriever.score(QUESTIONS)
    assert together == [pytest.approx(retriever.score([question])[0], abs=1e-6) for question in QUESTIONS]


def test_an_improbable_label_has_a_finite_logarithm(retriever: Retriever) -> None:
    assert all(-50.0 < said[NEVER] < -20.0 for said in retriever.score(QUESTIONS))


def test_no_questions_have_no_answers(retriever: Retriever) -> None:
    assert retriever.score([]) == []


def test_a_retriever_that_was_stored_gives_the_same_answers(retriever: Retriever, tmp_path: Path) -> None:
    retriever.save(tmp_path)
    loaded = Retriever.load(tmp_path, LetterSentences)
    assert loaded.labels == LABELS
    assert loaded.score(QUESTIONS) == retriever.score(QUESTIONS)


def test_a_retriever_that_was_stored_and_loaded_is_stored_in_the_same_bytes(
    retriever: Retriever, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    retriever.save(first)
    Retriever.load(first, LetterSentences).save(second)
    assert {path.name for path in first.iterdir()} == {WEIGHTS, VOCABULARY}
    for name in (WEIGHTS, VOCABULARY):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_vocabulary_can_be_read_by_people(retriever: Retriever, tmp_path: Path) -> None:
    retriever.save(tmp_path)
    stored = json.loads((tmp_path / VOCABULARY).read_text())
    assert stored == {"labels": list(LABELS), "ngrams": {"mail": 1.0, "phon": 2.0}}


def test_spelling_and_meaning_are_multiplied_each_with_its_weight(retriever: Retriever) -> None:
    reader, even = Reader({"mail": 1.0}), LetterSentences({}, 3)
    spelling = Retriever(LABELS, reader, even, ngrams=np.zeros((2, 3), np.float32), intercept=np.zeros(3, np.float32))
    meaning = LetterSentences({"weights": np.eye(LetterEncoder.size, 3, dtype=np.float32)}, 3)
    both = Retriever(LABELS, reader, meaning, ngrams=np.zeros((2, 3), np.float32), intercept=np.zeros(3, np.float32))
    assert list(spelling.score(QUESTIONS[:1])[0].values()) == pytest.approx([math.log(1 / 3)] * 3)
    weighed = 2 * (1 - SPELLING) * meaning.score(QUESTIONS[:1])[0]
    assert list(both.score(QUESTIONS[:1])[0].values()) == pytest.approx(list(log_softmax(weighed)))


def test_the_installed_encoder_is_used_where_none_is_given(tiny_retriever: Path) -> None:
    retriever = Retriever.load(tiny_retriever)
    assert best(retriever, ask("credit card number")) == "PII.Identifier.CreditCard"
    assert len(retriever.labels) == len(set(retriever.labels)) > 100


def test_a_stored_retriever_answers_without_torch(tiny_retriever: Path) -> None:
    code = """
import sys
from pathlib import Path
from mapper_domain.question import Question
from mapper_model.retriever import Retriever
said = Retriever.load(Path(sys.argv[1])).score([Question(detector="some-guard", label="email address")])[0]
print(max(said, key=said.get), "torch" in sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code, str(tiny_retriever)], capture_output=True, text=True, check=False)
    assert (run.stdout.strip(), run.returncode) == (f"{EMAIL} False", 0), run.stderr
