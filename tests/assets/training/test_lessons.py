"""Lessons: everything there is to learn from, each once, and nothing that is held out or means nothing alone."""

from pathlib import Path

import pytest

from mapper_assets.training import synthetic
from mapper_assets.training.lessons import NONSENSE_LESSONS, Lesson, Source, by_label, by_source, fewer, lessons
from mapper_assets.training.splits import DEFAULT_SEED, plan
from mapper_domain.catalog import Catalog
from mapper_domain.detectors import Detector, LabelMapping
from mapper_domain.lexicon import Concept, Lexicon, load
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import normalise

REPOSITORY = Path(__file__).parents[3]
EMAIL, PHONE, SAFE = "PII.Contact.Email", "PII.Contact.Phone", "OTHER.Safe"

REAL = Detector(
    name="sonar",
    version="1",
    kind="pii",
    maps=(
        LabelMapping(label="EMAIL_ADDR", taxonomy=(EMAIL,), description="an address for mail"),
        LabelMapping(label="P1", taxonomy=(PHONE,), description="a telephone number", opaque=True),
        LabelMapping(label="P2", taxonomy=(PHONE,), opaque=True),
        LabelMapping(label="reach_me", taxonomy=(EMAIL, PHONE), field="contact"),
        LabelMapping(label="both", taxonomy=(EMAIL, PHONE), relation="all"),
    ),
)
LEXICON = Lexicon(
    concepts=(
        Concept(
            label=EMAIL,
            forms=("electronic mail", "handle"),
            described={"addr": "where mail goes"},
            descriptions=("Says where mail is sent.",),
            names=("quux",),
            endings=("inbox", "mailbox"),
        ),
        Concept(
            label=PHONE,
            forms=("ring me",),
            described={"handle": "of a telephone", "bell": "a call"},
            contrasts={"web mail": EMAIL},
        ),
        Concept(label=SAFE, described={"bell": "nothing rings"}),
    ),
    detectors=(
        Detector(
            name="veil",
            version="1",
            kind="pii",
            maps=(LabelMapping(label="VE_MAIL", taxonomy=(EMAIL,), description="a mailbox"),),
        ),
    ),
)


@pytest.fixture(scope="module")
def known(catalog: Catalog) -> Catalog:
    return catalog.model_copy(update={"detectors": (REAL,)})


@pytest.fixture(scope="module")
def found(known: Catalog) -> tuple[Lesson, ...]:
    return lessons(known, LEXICON, 7)


@pytest.fixture(scope="module")
def shipped(catalog: Catalog) -> Lexicon:
    return load(REPOSITORY, catalog.taxonomy, catalog.detectors)


def said(found: tuple[Lesson, ...], *sources: str) -> set[tuple[str, str, str]]:
    return {(lesson.text, lesson.description, lesson.target) for lesson in found if lesson.source in sources}


def test_a_described_label_is_taught_with_and_without_its_description(found: tuple[Lesson, ...]) -> None:
    assert {("EMAIL_ADDR", "", EMAIL), ("EMAIL_ADDR", "an address for mail", EMAIL)} <= said(found, "mapping")


def test_an_opaque_label_is_taught_with_its_description_only(found: tuple[Lesson, ...]) -> None:
    about = {lesson for lesson in said(found, "mapping") if lesson[0] in {"P1", "P2"}}
    assert about == {("P1", "a telephone number", PHONE)}


def test_one_of_several_labels_is_the_target_and_all_are_kept(found: tuple[Lesson, ...]) -> None:
    (lesson,) = (lesson for lesson in found if lesson.text == "reach_me")
    assert (lesson.target, lesson.answer, lesson.canonical) == (EMAIL, (EMAIL,), (EMAIL, PHONE))
    assert (lesson.detector, lesson.kind, lesson.field) == ("sonar", "pii", "contact")


def test_several_labels_that_all_apply_are_all_the_answer(found: tuple[Lesson, ...]) -> None:
    (lesson,) = (lesson for lesson in found if lesson.text == "both")
    assert lesson.answer == (EMAIL, PHONE)


def test_a_form_with_several_meanings_teaches_its_usual_one_alone_and_the_others_with_words(
    found: tuple[Lesson, ...],
) -> None:
    about = {lesson for lesson in said(found, "form", "described") if lesson[0] == "handle"}
    assert about == {("handle", "", EMAIL), ("handle", "of a telephone", PHONE)}


def test_a_form_without_a_usual_meaning_teaches_with_words_only(found: tuple[Lesson, ...]) -> None:
    about = {lesson for lesson in said(found, "described") if lesson[0] == "bell"}
    assert about == {("bell", "a call", PHONE), ("bell", "nothing rings", SAFE)}


def test_a_described_form_of_one_meaning_is_taught_with_and_without_words(found: tuple[Lesson, ...]) -> None:
    assert {("addr", "", EMAIL), ("addr", "where mail goes", EMAIL)} <= said(found, "described")


def test_names_are_taught_with_every_ending(found: tuple[Lesson, ...]) -> None:
    assert said(found, "crossed") == {("quux inbox", "", EMAIL), ("quux mailbox", "", EMAIL)}


def test_a_contrast_teaches_the_sibling(found: tuple[Lesson, ...]) -> None:
    assert said(found, "contrast") == {("web mail", "", EMAIL)}


def test_descriptions_of_labels_and_concepts_are_taught(known: Catalog, found: tuple[Lesson, ...]) -> None:
    described = said(found, "description")
    assert ("Says where mail is sent.", "", EMAIL) in described
    assert {label.name for label in known.taxonomy.labels if label.description} == {label for _, _, label in described}


def test_invented_detectors_are_taught_with_their_kind(found: tuple[Lesson, ...]) -> None:
    about = [lesson for lesson in found if lesson.source == "invented"]
    assert {(lesson.text, lesson.detector, lesson.kind) for lesson in about} == {("VE_MAIL", "veil", "pii")}


def test_a_hidden_label_is_not_taught_in_any_spelling(known: Catalog) -> None:
    found = lessons(known, LEXICON, 7, hidden={("sonar", "emailAddr")})
    assert not [lesson for lesson in found if lesson.source == "mapping" and lesson.text == "EMAIL_ADDR"]
    assert [lesson for lesson in found if lesson.text == "both"]


@pytest.mark.parametrize("held_out", ["Electronic-Mail", "ADDR", "WebMail", "quux_inbox", "ve.mail"])
def test_the_lexicon_does_not_give_away_a_held_out_label(known: Catalog, held_out: str) -> None:
    key = normalise(held_out)
    assert key in {normalise(lesson.text) for lesson in lessons(known, LEXICON, 7)}
    assert key not in {normalise(lesson.text) for lesson in lessons(known, LEXICON, 7, strict=[held_out])}


def reviewed(known: Catalog, *mappings: LabelMapping) -> Catalog:
    """The catalogue with a newly reviewed detector."""
    return known.model_copy(update={"detectors": (REAL, Detector(name="radar", version="1", maps=mappings))})


@pytest.mark.parametrize(
    ("label", "text"), [("Electronic-Mail", "electronic mail"), ("WEB_MAIL", "web mail"), ("handle", "handle")]
)
def test_what_a_reviewer_says_of_a_string_is_taught_and_what_the_lexicon_says_is_not(
    known: Catalog, found: tuple[Lesson, ...], label: str, text: str
) -> None:
    taught = lessons(reviewed(known, LabelMapping(label=label, taxonomy=(SAFE,))), LEXICON, 7)
    assert (text, "", EMAIL) in said(found, "form", "contrast")
    assert not {lesson for lesson in said(taught, "form", "described", "contrast") if lesson[:2] == (text, "")}
    assert (label, "", SAFE) in said(taught, "mapping")


def test_a_mapping_overrules_nothing_but_its_own_string(known: Catalog, found: tuple[Lesson, ...]) -> None:
    taught = lessons(reviewed(known, LabelMapping(label="Electronic-Mail", taxonomy=(SAFE,))), LEXICON, 7)
    gone = {lesson.text for lesson in set(found) - set(taught) if lesson.source != "nonsense"}
    assert gone == {"electronic mail"}


def test_a_described_form_keeps_its_own_meaning_beside_a_reviewed_one(known: Catalog) -> None:
    taught = lessons(reviewed(known, LabelMapping(label="handle", taxonomy=(SAFE,))), LEXICON, 7)
    assert ("handle", "of a telephone", PHONE) in said(taught, "described")


@pytest.mark.parametrize(
    "mapping",
    [
        pytest.param(LabelMapping(label="electronic_mail", taxonomy=(EMAIL,)), id="agrees"),
        pytest.param(LabelMapping(label="electronic_mail", taxonomy=(SAFE, EMAIL)), id="agrees beside another label"),
        pytest.param(LabelMapping(label="electronic_mail", taxonomy=(SAFE,), ambiguous=True), id="experts differ"),
        pytest.param(LabelMapping(label="electronic_mail", taxonomy=(SAFE,), opaque=True), id="its own code"),
    ],
)
def test_a_mapping_that_does_not_contradict_a_form_lets_it_teach(known: Catalog, mapping: LabelMapping) -> None:
    assert ("electronic mail", "", EMAIL) in said(lessons(reviewed(known, mapping), LEXICON, 7), "form")


def test_a_held_out_detector_overrules_nothing_so_that_no_missing_form_gives_its_mapping_away(known: Catalog) -> None:
    contradicting = reviewed(known, LabelMapping(label="Electronic-Mail", taxonomy=(SAFE,)))
    assert lessons(contradicting.without(["radar"]), LEXICON, 7) == lessons(known, LEXICON, 7)


def test_a_held_out_label_overrules_nothing_either(known: Catalog) -> None:
    other = LabelMapping(label="blip", taxonomy=(SAFE,))
    contradicting = reviewed(known, other, LabelMapping(label="Electronic-Mail", taxonomy=(SAFE,)))
    held_out = lessons(contradicting, LEXICON, 7, hidden={("radar", "electronic mail")})
    assert held_out == lessons(reviewed(known, other), LEXICON, 7)


def test_a_detector_that_is_left_out_teaches_nothing(known: Catalog) -> None:
    assert "mapping" not in by_source(lessons(known.without(["sonar"]), LEXICON, 7))


def test_lessons_are_the_same_every_time_distinct_and_sorted(known: Catalog, found: tuple[Lesson, ...]) -> None:
    assert lessons(known, LEXICON, 7) == found
    assert [lesson.text for lesson in found] == sorted(lesson.text for lesson in found)
    without_source = [lesson.model_copy(update={"source": "form"}) for lesson in found]
    assert len(without_source) == len({lesson.model_dump_json() for lesson in without_source})


def test_another_seed_gives_other_nonsense_only_where_it_is_made_up(known: Catalog, found: tuple[Lesson, ...]) -> None:
    other = lessons(known, LEXICON, 8)
    assert said(other, "nonsense") != said(found, "nonsense")
    assert said(other, "mapping", "form") == said(found, "mapping", "form")


def test_nonsense_is_unknown_whoever_says_it(found: tuple[Lesson, ...]) -> None:
    about = [lesson for lesson in found if lesson.source == "nonsense"]
    assert {lesson.target for lesson in about} == {UNKNOWN}
    assert {lesson.detector == "sonar" for lesson in about} == {True, False}
    assert "" in {lesson.detector for lesson in about}


def test_every_label_of_the_taxonomy_is_taught(catalog: Catalog, shipped: Lexicon) -> None:
    assert set(by_label(lessons(catalog, shipped, DEFAULT_SEED))) == catalog.taxonomy.names


def test_no_text_alone_teaches_two_labels(catalog: Catalog, shipped: Lexicon) -> None:
    meanings: dict[str, set[str]] = {}
    for lesson in lessons(catalog, shipped, DEFAULT_SEED):
        if not lesson.description and not lesson.detector:
            meanings.setdefault(normalise(lesson.text) or lesson.text, set()).add(lesson.target)
    assert not {text: labels for text, labels in meanings.items() if len(labels) > 1}


def test_no_meaningless_label_is_a_form_or_an_invented_label(catalog: Catalog, shipped: Lexicon) -> None:
    found = lessons(catalog, shipped, plan(catalog).seed)
    meant = {normalise(lesson.text) for lesson in found if lesson.source != "nonsense"}
    meant -= {normalise(lesson.text) for lesson in found if lesson.target == UNKNOWN} | {""}
    assert not meant & {normalise(text) for text in synthetic.unmappable(plan(catalog).seed, NONSENSE_LESSONS)}


def numbered(source: Source, count: int) -> list[Lesson]:
    return [Lesson(text=f"{source} {number}", canonical=("PII.Other",), source=source) for number in range(count)]


def test_classifiers_learn_one_name_with_an_ending_in_five_and_everything_else_whole():
    found = by_source(fewer([*numbered("crossed", 1000), *numbered("form", 100)], None, 7))
    assert found["form"] == 100
    assert 150 < found["crossed"] < 250


def test_a_small_budget_thins_the_lexicon_evenly_and_never_what_was_reviewed():
    everything = [*numbered("crossed", 2000), *numbered("form", 400), *numbered("mapping", 50)]
    found = by_source(fewer(everything, 200, 7))
    assert found["mapping"] == 50
    assert found["crossed"] + found["form"] == 200
    assert 70 < found["form"] < 130


def test_the_sample_is_the_same_for_the_same_seed_and_keeps_the_order():
    everything = numbered("form", 100)
    found = fewer(everything, 30, 7)
    assert found == fewer(list(reversed(everything)), 30, 7)[::-1]
    assert found != fewer(everything, 30, 8)
