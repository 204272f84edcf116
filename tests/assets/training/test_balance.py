"""The order of rows: no label, source, detector or concept crowds out the others, however few rows there are."""

from collections import Counter
from itertools import islice

import pytest

from mapper_assets.training.balance import TURNS, UNKNOWN_SHARE, balanced
from mapper_assets.training.lessons import Lesson
from mapper_domain.lexicon import Concept, Lexicon
from mapper_domain.taxonomy import UNKNOWN

EMAIL, PHONE = "PII.Contact.Email", "PII.Contact.Phone"
NAMES = tuple(f"brand {number}" for number in range(100))
LEXICON = Lexicon(
    concepts=(Concept(label=EMAIL, forms=NAMES), Concept(label=EMAIL, forms=("mail", "letter", "post"))), detectors=()
)


def form(text: str, label: str = EMAIL, **given: str) -> Lesson:
    return Lesson.model_validate({"text": text, "canonical": (label,), "source": "form", **given})


def first(lessons: list[Lesson], count: int, seed: int = 7) -> list[Lesson]:
    return [pick.lesson for pick in islice(balanced(lessons, LEXICON, seed=seed), count)]


def test_a_label_with_a_hundred_times_the_lessons_gets_ten_times_the_rows() -> None:
    lessons = [form(f"many {n}") for n in range(399)] + [form(f"few {n}", PHONE) for n in range(3)]
    lessons += [form(f"other {n}", f"OTHER.N{n}") for n in range(200)]
    counted = Counter(lesson.target for lesson in first(lessons, 300))
    assert counted[PHONE] >= 1
    assert counted[EMAIL] <= 12 * counted[PHONE]


def test_concepts_of_a_label_take_turns() -> None:
    lessons = [form(text) for text in (*NAMES, "mail", "letter", "post")]
    assert {"mail", "letter", "post"} & {lesson.text for lesson in first(lessons, 12)}


def test_detectors_and_sources_take_turns() -> None:
    lessons = [form(f"M{n}", source="mapping", detector="large") for n in range(100)]
    lessons += [form("X", source="mapping", detector="small"), form("mail")]
    assert {("mapping", "large"), ("mapping", "small"), ("form", "")} == {
        (lesson.source, lesson.detector) for lesson in first(lessons, 25)
    }


def test_names_with_an_ending_do_not_raise_a_label_s_share() -> None:
    lessons = [form("mail"), form("ring", PHONE), *(form(f"n{n}", source="crossed") for n in range(500))]
    assert Counter(lesson.target for lesson in first(lessons, 4)) == {EMAIL: 2, PHONE: 2}


def test_the_unknown_gets_its_fixed_part() -> None:
    lessons = [form(f"t{n}", f"A.L{n % 50}") for n in range(5000)]
    lessons += [form(f"u{n}", UNKNOWN, source="nonsense") for n in range(300)]
    assert Counter(x.target for x in first(lessons, 1000))[UNKNOWN] == pytest.approx(1000 * UNKNOWN_SHARE, abs=2)


def test_of_a_label_with_and_without_description_there_is_one_version_and_an_opaque_one_keeps_its_own() -> None:
    lessons = [form(f"t{n}", description=words) for n in range(200) for words in ("", "what it is")]
    lessons.append(form("S1", description="a code"))
    found = first(lessons, 1000)
    assert len(found) == TURNS * 201
    described = sum(bool(lesson.description) for lesson in found) / len(found)
    assert 0.2 <= described <= 0.4
    assert {lesson.description for lesson in found if lesson.text == "S1"} == {"a code"}


def test_the_order_depends_on_the_seed_only() -> None:
    lessons = [form(text) for text in NAMES]
    assert first(lessons, 50) == first(list(reversed(lessons)), 50)
    assert first(lessons, 50) != first(lessons, 50, seed=8)
