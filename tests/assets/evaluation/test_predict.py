import math
from collections.abc import Mapping, Sequence

import pytest
from small_world import EMAIL, INSULT, NAME, PHONE, THREAT, UNKNOWN, TableRetriever, TableScorer

from mapper_assets.evaluation.predict import (
    Examined,
    MapperAnswer,
    candidates,
    examine,
    held_out,
    mapper_answers,
    rival_outcomes,
    voice_outcomes,
)
from mapper_assets.evaluation.rivals import Example, Lookup
from mapper_assets.evaluation.trust import Calibration, calibrate
from mapper_assets.training.golden import GoldenCase
from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust
from mapper_domain.scoring import Outcome
from mapper_domain.voices import Opinion, Weights

PLAIN: Calibration = calibrate([])


def opinions_of(examined: Sequence[Examined], scorer: TableScorer) -> dict[str, Opinion]:
    """What the adapter says to every question, as if it alone were heard."""
    return {e.question.instruction: {"adapter": scorer.score([e.question.instruction])[0]} for e in examined}


@pytest.fixture
def answers(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog, scorer: TableScorer
) -> Mapping[str, tuple[MapperAnswer, Outcome]]:
    """What the mapper says when the adapter alone is asked everything."""
    examined = examine(cases, known, world)
    found = mapper_answers(examined, opinions_of(examined, scorer), PLAIN, Trust())
    return {a.examined.case.id: (a, a.outcome) for a in found}


def test_cases_not_to_be_gated_on_are_not_examined(cases: Sequence[GoldenCase], known: Catalog, world: Catalog) -> None:
    assert len(examine(cases, known, world)) == len(cases) - 1


@pytest.mark.parametrize(
    ("case", "labels", "route", "right"),
    [
        ("mail/PERSON/seen", (NAME,), "rules", 1.0),
        ("mail/e_mail/variant", (EMAIL,), "model", 1.0),
        ("mail/PII_PERSON/variant", (INSULT,), "model", 0.0),
        ("mail/FAX/unseen_label", (PHONE,), "model", 1.0),
        ("stranger/menace/unseen_detector", (THREAT,), "model", 1.0),
        ("stranger/insulting/unseen_detector", (INSULT,), "rules", 0.0),
    ],
)
def test_the_mapper_answers_as_the_ladder_does(
    case: str, labels: tuple[str, ...], route: str, right: float, answers: Mapping[str, tuple[MapperAnswer, Outcome]]
) -> None:
    answer, outcome = answers[case]
    assert (answer.answer.labels, answer.answer.route, outcome.f1) == (labels, route, right)


def test_a_reviewed_mapping_the_model_disputes_stands_and_the_dispute_is_kept(
    answers: Mapping[str, tuple[MapperAnswer, Outcome]],
) -> None:
    assert answers["mail/PERSON/seen"][0].answer.agreement is False


def test_the_kind_of_a_detector_nobody_has_described_is_not_given_away(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog
) -> None:
    questions = {e.case.id: e.question.instruction for e in examine(cases, known, world)}
    assert "mail (test)" in questions["mail/EMAIL/seen"]
    assert "(test)" not in questions["stranger/menace/unseen_detector"]


def test_without_any_voice_only_what_a_reviewer_decides_is_answered(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog
) -> None:
    examined = examine(cases, known, world)
    found = mapper_answers(examined, {}, PLAIN, Trust())
    assert {a.examined.case.split for a in found} == {"seen", "variant"}
    assert all(a.examined.audited and not a.adapted for a in found)


def test_an_asked_case_carries_the_weight_of_its_stratum(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog, scorer: TableScorer
) -> None:
    examined = [e for e in examine(cases, known, world) if e.case.label == "menace"]
    opinions = opinions_of(examined, scorer)
    found = voice_outcomes(examined, opinions, {examined[0].case.id: 4.0}, PLAIN, "adapter")
    assert [o.weight for o in found] == [4.0]


def test_the_adapter_alone_has_neither_rules_nor_threshold(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog, scorer: TableScorer
) -> None:
    examined = [e for e in examine(cases, known, world) if e.case.label == "insulting"]
    weights = {e.case.id: 1.0 for e in examined}
    found = voice_outcomes(examined, opinions_of(examined, scorer), weights, PLAIN, "adapter")
    assert {o.predicted for o in found} == {(UNKNOWN,)}
    assert {round(o.confidence, 6) for o in found} == {0.9}


def test_the_weight_of_a_voice_makes_the_reported_confidence(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog, scorer: TableScorer
) -> None:
    examined = [e for e in examine(cases, known, world) if e.case.label == "menace"]
    doubtful = PLAIN.fit.model_copy(update={"halves": (Weights(adapter=0.5), Weights())})
    calibration = PLAIN._replace(fit=doubtful, halves={"stranger": 0})
    (outcome,) = voice_outcomes(
        examined, opinions_of(examined, scorer), {examined[0].case.id: 1.0}, calibration, "adapter"
    )
    odds = math.sqrt(0.9 / (0.1 / 6))
    assert outcome.confidence == pytest.approx(odds / (odds + 6))


def test_a_case_a_voice_was_not_asked_is_none_of_its_outcomes(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog, scorer: TableScorer
) -> None:
    examined = examine(cases, known, world)
    weights = {e.case.id: 1.0 for e in examined}
    assert voice_outcomes(examined, opinions_of(examined, scorer), weights, PLAIN, "together") == []


def test_an_unsure_answer_is_unknown_but_its_first_choice_is_scored(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog, world_labels: list[str]
) -> None:
    examined = [e for e in examine(cases, known, world) if e.case.label == "menace"]
    unsure = TableScorer(world_labels, {"menace": THREAT}, sure=0.5)
    (found,) = mapper_answers(examined, opinions_of(examined, unsure), PLAIN, Trust())
    assert (found.outcome.predicted, found.outcome.f1) == ((UNKNOWN,), 0.0)
    assert (found.first.predicted, found.first.f1) == ((THREAT,), 1.0)
    assert found.first.confidence == pytest.approx(0.5)


def test_two_voices_outvote_one_another_by_their_weights(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog, scorer: TableScorer, retriever: TableRetriever
) -> None:
    examined = [e for e in examine(cases, known, world) if e.case.label == "PII_PERSON"]
    instruction = examined[0].question.instruction
    opinions: dict[str, Opinion] = {
        instruction: {
            "adapter": scorer.score([instruction])[0],
            "retriever": retriever.score([examined[0].question])[0],
        }
    }
    named = [
        voice_outcomes(examined, opinions, {examined[0].case.id: 1.0}, PLAIN, heard)[0].predicted
        for heard in ("adapter", "retriever", "together")
    ]
    assert named == [(INSULT,), (NAME,), (NAME,)]


def test_a_rival_answers_every_case(cases: Sequence[GoldenCase], known: Catalog, world: Catalog) -> None:
    examined = examine(cases, known, world)
    found = rival_outcomes(examined, Lookup([Example("email", EMAIL)]))
    assert [o.case for o in found] == [e.case.id for e in examined]
    assert {o.case for o in found if o.f1 == 1.0} == {c.id for c in cases if c.expected == (EMAIL,)}


def test_held_out_questions_are_kept_apart_by_detector_and_by_label(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog, scorer: TableScorer
) -> None:
    examined = examine(cases, known, world)
    keys = [h.key for h in held_out(examined, opinions_of(examined, scorer))]
    assert sorted(keys) == ["mail/fax", *["stranger"] * 4]


def test_audited_cases_compete_for_calls_among_themselves(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog
) -> None:
    groups = {c.case: c.group for c in candidates(examine(cases, known, world))}
    assert groups["mail/EMAIL/seen"] == groups["talk/Threatening/variant"] == "audited"
    assert groups["mail/PII_PERSON/variant"] == "variant"
    assert groups["stranger/email/unseen_detector"] == "unseen_detector"


def test_a_case_the_adapter_was_not_asked_is_answered_by_the_retriever(
    cases: Sequence[GoldenCase], known: Catalog, world: Catalog, retriever: TableRetriever
) -> None:
    examined = examine(cases, known, world)
    opinions: dict[str, Opinion] = {
        e.question.instruction: {"retriever": retriever.score([e.question])[0]} for e in examined
    }
    found = {a.examined.case.id: a for a in mapper_answers(examined, opinions, PLAIN, Trust())}
    assert len(found) == len(examined)
    assert not any(a.adapted for a in found.values())
    assert found["mail/PII_PERSON/variant"].answer.labels == (NAME,)
    assert found["mail/EMAIL/seen"].answer.agreement is None, "a reviewed mapping was not put to the model"
