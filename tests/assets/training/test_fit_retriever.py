"""What a real fit makes of lessons: a few dozen of them, with the installed sentence encoder."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from mapper_assets.training.lessons import Lesson, Source
from mapper_assets.training.sentences import tune
from mapper_assets.training.train_retriever import WRAPPED, WRAPPED_SHARE, examples, fit
from mapper_domain.question import Question
from mapper_domain.taxonomy import UNKNOWN
from mapper_model.retriever import Retriever

EMAIL, CARD = "PII.Contact.Email", "PII.Identifier.CreditCard"
THREAT, PHISHING = "HARM.SPEECH.Threat", "SECURITY.Phishing"
UNTAUGHT = "PII.Contact.Phone"
LABELS = (THREAT, UNTAUGHT, PHISHING, UNKNOWN, EMAIL, CARD)

FORMS = {
    EMAIL: ("email", "e-mail address", "mail address", "electronic mail", "EMAIL_ADDRESS", "mailbox", "user email"),
    CARD: ("credit card", "card number", "CREDIT_CARD_NUMBER", "payment card", "visa card", "cc number", "debit card"),
    THREAT: ("threat", "violent threat", "threatening", "intimidation", "death threat", "menace", "threats of harm"),
    PHISHING: ("phishing", "phishing site", "phish", "phishing link", "credential phishing", "fake login page", "lure"),
    UNKNOWN: ("qxv", "zzkp 7", "blorf", "wug", "x1 y2", "fnord quux", "vlim"),
}
SENTENCES = {
    EMAIL: ("The address of somebody's electronic mailbox.", "An address to which mail can be sent."),
    CARD: ("The number printed on a payment card.", "A primary account number of a bank card."),
    THREAT: ("The speaker announces to hurt or kill somebody.", "Words that make a person fear violence."),
    PHISHING: ("A message that tricks people into giving away their password.", "A web site that imitates a bank."),
}


def lesson(text: str, label: str, source: Source = "form", description: str = "", detector: str = "") -> Lesson:
    return Lesson(text=text, canonical=(label,), source=source, description=description, detector=detector)


@pytest.fixture(scope="module")
def taught() -> tuple[Lesson, ...]:
    """Forms, sentences alone, and labels that only their descriptions explain."""
    return (
        *(lesson(form, label) for label, forms in FORMS.items() for form in forms),
        *(lesson(text, label, "description") for label, texts in SENTENCES.items() for text in texts),
        *(
            lesson(f"S{number}", label, "mapping", text, "guard")
            for label, texts in SENTENCES.items()
            for number, text in enumerate(texts)
        ),
        *(lesson(f"lexicon {form}", label, "contrast") for label, forms in FORMS.items() for form in forms[:2]),
    )


Learner = Callable[[], Retriever]


@pytest.fixture(scope="module")
def learn(taught: tuple[Lesson, ...]) -> Learner:
    """Fits all lessons with one seed and one thread."""
    return lambda: fit(
        taught,
        LABELS,
        tune(examples(taught, 1), LABELS, steps=40, seed=1, threads=1, log=[].append),
        seed=1,
        threads=1,
    )


@pytest.fixture(scope="module")
def retriever(learn: Learner) -> Retriever:
    return learn()


def best(retriever: Retriever, label: str, description: str = "") -> str:
    said = retriever.score([Question(detector="stranger", label=label, description=description)])[0]
    return max(said, key=lambda name: said[name])


def test_every_form_is_remembered(retriever: Retriever) -> None:
    wrong = {form: best(retriever, form) for label, forms in FORMS.items() for form in forms}
    wrong = {form: said for form, said in wrong.items() if form not in FORMS[said]}
    assert wrong == {}


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("inbox", EMAIL),
        ("MasterCard digits", CARD),
        ("intimidating language", THREAT),
        ("spoofed sign-in website", PHISHING),
        ("CreditCardNumbers", CARD),
        ("EmailAdress", EMAIL),
    ],
)
def test_words_nobody_taught_find_the_label_that_is_near(retriever: Retriever, label: str, meaning: str) -> None:
    assert best(retriever, label) == meaning


@pytest.mark.parametrize(
    ("description", "meaning"),
    [
        ("Somebody says that they are going to murder another person.", THREAT),
        ("A mail that steals passwords by imitating a bank.", PHISHING),
        ("Numbers of payment cards.", CARD),
    ],
)
def test_a_label_that_says_nothing_is_explained_by_its_description(
    retriever: Retriever, description: str, meaning: str
) -> None:
    assert best(retriever, "C07", description) == meaning


def test_a_label_without_lessons_is_never_probable(retriever: Retriever) -> None:
    said = retriever.score([Question(detector="", label="phone number"), Question(detector="", label="telephone")])
    assert all(math.exp(answer[UNTAUGHT]) < 1e-6 for answer in said)


def test_the_order_of_labels_is_the_one_asked_for(retriever: Retriever) -> None:
    assert retriever.labels == LABELS


@pytest.mark.parametrize(
    ("one", "other"), [("CREDIT_CARD", "creditCard"), ("Phishing-Link", "phishing link"), ("e-mail", "E_MAIL")]
)
def test_two_spellings_of_the_same_words_get_the_same_answer(retriever: Retriever, one: str, other: str) -> None:
    first, second = retriever.score([Question(detector="", label=text) for text in (one, other)])
    assert second == pytest.approx(first, abs=1e-4)


def test_the_same_lessons_and_seed_give_the_same_weights_on_one_thread(
    retriever: Retriever, learn: Learner, tmp_path: Path
) -> None:
    folders = (tmp_path / "one", tmp_path / "other")
    for folder, fitted in zip(folders, (retriever, learn()), strict=True):
        folder.mkdir()
        fitted.save(folder)
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert one == other


def test_a_fitted_retriever_that_was_stored_answers_as_before(retriever: Retriever, tmp_path: Path) -> None:
    retriever.save(tmp_path)
    questions = [Question(detector="", label=text) for text in ("inbox", "zzyzx")]
    assert Retriever.load(tmp_path).score(questions) == retriever.score(questions)


def test_a_description_alone_is_learnt_without_a_label() -> None:
    found = examples([lesson("An address for mail.", EMAIL, "description")], 1)
    assert found == [(Question(detector="", label="", description="An address for mail."), EMAIL)]


@pytest.mark.parametrize("source", sorted(WRAPPED))
def test_part_of_the_label_strings_is_learnt_in_a_wrapper_too(source: Source) -> None:
    given = [lesson(f"word{number}", EMAIL, source, "said", "guard") for number in range(500)]
    found = examples(given, 1)
    texts = {question.label for question, _ in found}
    assert {one.text for one in given} <= texts
    assert len(texts) - 500 == pytest.approx(500 * WRAPPED_SHARE, rel=0.2)
    assert all(question.detector == "guard" and question.description == "said" for question, _ in found)
    assert {label for _, label in found} == {EMAIL}


@pytest.mark.parametrize("source", ["crossed", "contrast", "nonsense"])
def test_other_texts_are_learnt_as_they_stand(source: Source) -> None:
    given = [lesson(f"word{number}", EMAIL, source) for number in range(50)]
    assert {question.label for question, _ in examples(given, 1)} == {one.text for one in given}


def test_examples_depend_on_the_seed_and_not_on_the_order_of_lessons(taught: tuple[Lesson, ...]) -> None:
    assert examples(taught, 1) == examples(tuple(reversed(taught)), 1)
    assert examples(taught, 1) != examples(taught, 2)
