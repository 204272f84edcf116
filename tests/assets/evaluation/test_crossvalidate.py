"""Leave-detectors-out cross-validation in the small world: `stranger` and `mixed` against `mail` and `talk`."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from letter_encoder import LetterEncoder
from small_world import EMAIL, THREAT, UNKNOWN, LessonTable, TableScorer

from mapper_assets.assets.evaluation import folds_metadata
from mapper_assets.evaluation.crossvalidate import cross_validate, folds_of
from mapper_assets.evaluation.folds.adapters import AdapterOpinions, FoldAdapter, keep, kept, question_fold
from mapper_assets.evaluation.folds.held import WAYS, held_labels, strings
from mapper_assets.evaluation.folds.learn import STRONGEST
from mapper_assets.evaluation.folds.scores import FoldScores
from mapper_assets.evaluation.folds.store import elsewhere, find, lexicon_sha256, read, write
from mapper_assets.evaluation.folds.summary import summary, verdicts
from mapper_assets.evaluation.nonsense import invent
from mapper_assets.evaluation.page import markdown
from mapper_assets.evaluation.scores import RIVALS
from mapper_assets.training.lessons import Lesson
from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout
from mapper_domain.lexicon import Lexicon
from mapper_domain.rules import Match
from mapper_domain.text import normalise

FOLDS = {"one": frozenset({"stranger", "mixed"}), "two": frozenset({"mail", "talk"})}


def test_ambiguous_and_opaque_labels_are_not_asked_but_are_kept_from_the_lexicon(catalog: Catalog) -> None:
    asked = {label.label for label in held_labels(catalog, ["llama-guard-3"])}
    secret = strings(catalog, ["llama-guard-3"])
    assert asked < secret
    assert "S5" in secret - asked


def test_only_the_described_way_gives_the_description_and_none_gives_the_kind(catalog: Catalog) -> None:
    label = next(x for x in held_labels(catalog, ["gitleaks"]) if x.description)
    questions = {way: label.question(way) for way in WAYS}
    assert [way for way, question in questions.items() if question.description] == ["described"]
    assert {question.kind for question in questions.values()} == {""}


def test_every_detector_of_the_shipped_catalogue_is_in_one_fold(catalog: Catalog) -> None:
    folds = folds_of(catalog)
    assert sum(len(names) for names in folds.values()) == len(catalog.detectors)
    assert frozenset().union(*folds.values()) == catalog.by_name.keys()


class Witness:
    """Makes tables of lessons and remembers the lessons."""

    def __init__(self) -> None:
        self.told: list[Sequence[Lesson]] = []

    def __call__(self, lessons: Sequence[Lesson], labels: Sequence[str]) -> LessonTable:
        """A table."""
        self.told.append(lessons)
        return LessonTable(lessons, labels)


@pytest.fixture(scope="module")
def witness(world: Catalog, world_lexicon: Lexicon) -> Witness:
    """What two folds were taught, first without the held-out strings, then with the lexicon as it is."""
    found = Witness()
    cross_validate(world, world_lexicon, FOLDS, fit=found, encoder=LetterEncoder(), seed=1, log=[].append)
    return found


def test_nobody_learns_from_a_detector_of_the_fold(witness: Witness) -> None:
    for fold, lessons in zip([*FOLDS, *FOLDS], witness.told, strict=True):
        assert not FOLDS[fold] & {lesson.detector for lesson in lessons}


def test_the_strict_setting_has_no_form_that_the_fold_emits(witness: Witness) -> None:
    forms = [{normalise(x.text) for x in lessons if x.source == "form"} for lessons in witness.told]
    assert "menace" not in forms[0]
    assert "personname" not in forms[0]
    assert {"menace", "personname"} <= forms[1], "the other fold does not emit them"
    assert {"menace", "personname"} <= forms[2], "the lexicon as shipped"


def test_numbers_are_those_of_the_small_world(crossed: FoldScores) -> None:
    strict, shipped = crossed.settings["strict"], crossed.settings["shipped"]
    by_detector = strict.standings["label"]["retriever"].first.by_detector
    assert by_detector["stranger"] == 0.25, "email, out of the taxonomy's aliases; the lexicon must not say menace"
    assert shipped.standings["label"]["retriever"].first.by_detector["stranger"] == 0.75
    standing = strict.standings["label"]["mapper"]
    assert standing.fold_mean == pytest.approx(sum(standing.by_fold.values()) / 2)


def test_every_rival_is_scored_in_every_way_and_the_strongest_with_the_lexicon_as_shipped_too(
    crossed: FoldScores,
) -> None:
    for way in WAYS:
        assert set(RIVALS) <= crossed.settings["strict"].standings[way].keys()
        assert {n for n in RIVALS if n in crossed.settings["shipped"].standings[way]} == set(STRONGEST)


def test_what_a_fold_is_judged_with_was_fitted_on_the_other_folds(crossed: FoldScores) -> None:
    trusts = crossed.settings["strict"].trusts
    assert set(trusts) == set(FOLDS)
    assert trusts["one"].rules[Match.ALIAS] == pytest.approx(4 / 5), "three aliases are right in the other fold"
    assert trusts["two"].rules[Match.ALIAS] == pytest.approx(3 / 4), "two in this one"


def test_equal_inputs_give_equal_scores_and_opinions(
    world: Catalog, world_lexicon: Lexicon, cross_validated: tuple[FoldScores, dict[str, bytes]]
) -> None:
    again = cross_validate(world, world_lexicon, FOLDS, fit=LessonTable, encoder=LetterEncoder(), seed=1, log=[].append)
    assert again == cross_validated


def test_a_cross_validation_is_found_again_for_the_same_files_and_kind_of_retriever_only(
    world: Catalog,
    world_lexicon: Lexicon,
    cross_validated: tuple[FoldScores, dict[str, bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layout = Layout(tmp_path)
    assert find(layout, world, world_lexicon) is None
    sha256, folder = write(*cross_validated, layout)
    found = find(layout, world, world_lexicon)
    assert found is not None
    assert found[0] == sha256 == folder.name
    assert found[1] == read(layout, sha256)
    assert find(layout, world.without(["talk"]), world_lexicon) is None
    assert find(layout, world, world_lexicon.model_copy(update={"concepts": world_lexicon.concepts[1:]})) is None
    monkeypatch.setattr("mapper_assets.training.train_retriever.RECIPE", "another")
    assert find(layout, world, world_lexicon) is None


def test_a_report_about_a_fold_rests_on_the_other_folds_and_a_release_on_all(crossed: FoldScores) -> None:
    reported, shipped = elsewhere(crossed, ["stranger"])
    assert reported == crossed.settings["strict"].trusts["one"]
    assert shipped is not None
    assert shipped.weights == crossed.weights
    assert elsewhere(None, ["stranger"]) == (None, None)


def test_the_page_says_who_is_better_and_by_how_much(crossed: FoldScores) -> None:
    page = markdown(summary(crossed))
    assert "4 detectors in 2 folds, 14 labels" in page
    assert "## Label alone, lexicon without the held-out strings" in page
    assert "## Whole vocabulary at once, lexicon as shipped" in page
    assert len(list(verdicts(crossed))) == 6
    assert "No adapter was heard" in page


@pytest.fixture(scope="module")
def spoken(world: Catalog, world_labels: list[str]) -> AdapterOpinions:
    """An adapter that knows menace, asked about the first fold."""

    knowing = TableScorer(world_labels, {"menace": THREAT, "email": EMAIL})
    said = question_fold(knowing, world, FOLDS["one"], invent(1), [].append)
    record = FoldAdapter(fold="one", adapter_sha256="a" * 64, catalog_sha256="", lexicon_sha256="", seconds=1.0)
    return AdapterOpinions(record, {"label": said["label"], "described": said["described"]}, said["nonsense"])


def test_an_adapter_trained_without_a_fold_is_heard_on_that_fold_alone(
    world: Catalog, world_lexicon: Lexicon, spoken: AdapterOpinions
) -> None:
    scores, _ = cross_validate(
        world,
        world_lexicon,
        FOLDS,
        fit=LessonTable,
        encoder=LetterEncoder(),
        settings=("strict",),
        adapters={"one": spoken},
        seed=1,
        log=[].append,
    )
    standing = scores.settings["strict"].standings["label"]["adapter"]
    assert list(standing.by_fold) == ["one"]
    assert scores.inputs.adapters == {"one": "a" * 64}
    standings = scores.settings["strict"].standings["label"]
    assert standings["model"].by_fold == standings["retriever"].by_fold, "no other fold says what its word is worth"
    assert "heard for: one." in markdown(summary(scores))


def test_what_an_adapter_said_is_kept_for_the_same_files_only(
    world: Catalog, world_lexicon: Lexicon, spoken: AdapterOpinions, world_labels: list[str], tmp_path: Path
) -> None:
    layout = Layout(tmp_path)
    record = spoken.record.model_copy(
        update={"catalog_sha256": world.sha256, "lexicon_sha256": lexicon_sha256(world_lexicon)}
    )
    keep(record, {**spoken.opinions, "nonsense": spoken.nonsense}, world_labels, layout)
    found = kept(layout, world, world_lexicon)
    assert found["one"].record == record
    assert found["one"].opinions["label"][0][UNKNOWN] == pytest.approx(spoken.opinions["label"][0][UNKNOWN], abs=1e-5)
    assert kept(layout, world.without(["talk"]), world_lexicon) == {}


def test_an_adapter_is_asked_every_distinct_question_once(world: Catalog, world_labels: list[str]) -> None:
    scorer = TableScorer(world_labels, {})
    said = question_fold(scorer, world, FOLDS["one"], invent(1), [].append)
    assert len(scorer.asked) == len(set(scorer.asked)) == len(held_labels(world, FOLDS["one"])) + 60
    assert len(said["label"]) == len(said["described"]) == len(held_labels(world, FOLDS["one"]))


def test_the_asset_shows_headline_numbers_pictures_and_the_page(
    cross_validated: tuple[FoldScores, dict[str, bytes]], tmp_path: Path
) -> None:
    sha256, folder = write(*cross_validated, Layout(tmp_path))
    metadata = folds_metadata(folder)
    assert metadata["sha256"] == sha256
    mean = cross_validated[0].settings["strict"].standings["label"]["mapper"].fold_mean
    assert metadata["mapper_label"] == pytest.approx(mean, abs=1e-6)
    assert {"minilm_char_regression_described", "mapper_vocabulary", "reliability", "risk_coverage"} <= metadata.keys()
    assert (folder / "evaluation.html").read_text().startswith("<!DOCTYPE html>")
