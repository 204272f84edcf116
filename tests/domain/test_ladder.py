"""The ladder: reviewed facts first, then a confident model, then rules, then an honest unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.ladder import Answer, Trust, combine, decide, failed, safe
from mapper_domain.rules import Match, RuleHit

TRUST = Trust(rules={Match.EXACT: 1.0, Match.FORMAT: 0.98, Match.ALIAS: 0.8, Match.ELSEWHERE: 0.4})
EMAIL, NAME, UNKNOWN = "PII.Contact.Email", "PII.Person.Name", "OTHER.Unknown"


def hit(label: str, match: Match) -> RuleHit:
    return RuleHit(labels=(label,), match=match)


@pytest.mark.parametrize(
    ("rule", "probabilities", "labels", "confidence", "route"),
    [
        pytest.param(
            hit(EMAIL, Match.EXACT), {EMAIL: 0.9, NAME: 0.1}, (EMAIL,), 1.0, "model", id="model confirms YAML"
        ),
        pytest.param(hit(EMAIL, Match.EXACT), {NAME: 0.99, EMAIL: 0.01}, (EMAIL,), 1.0, "rules", id="YAML overrules"),
        pytest.param(hit(EMAIL, Match.EXACT), None, (EMAIL,), 1.0, "rules", id="no model"),
        pytest.param(hit(EMAIL, Match.FORMAT), {NAME: 0.99}, (EMAIL,), 0.98, "rules", id="format is a fact too"),
        pytest.param(
            hit(EMAIL, Match.ALIAS), {NAME: 0.9, EMAIL: 0.1}, (NAME,), 0.9, "model", id="surer model beats alias"
        ),
        pytest.param(
            hit(EMAIL, Match.ALIAS), {NAME: 0.5, EMAIL: 0.4}, (EMAIL,), 0.8, "rules", id="unsure model falls back"
        ),
        pytest.param(
            hit(EMAIL, Match.ALIAS), {NAME: 0.7, EMAIL: 0.3}, (EMAIL,), 0.8, "rules", id="surer alias beats model"
        ),
        pytest.param(
            hit(EMAIL, Match.ALIAS),
            {EMAIL: 0.7, NAME: 0.3},
            (EMAIL,),
            0.8,
            "model",
            id="agreement keeps the surer figure",
        ),
        pytest.param(hit(EMAIL, Match.ELSEWHERE), {NAME: 0.5}, (UNKNOWN,), 0.0, "unknown", id="neither is sure"),
        pytest.param(None, {NAME: 0.6, EMAIL: 0.4}, (NAME,), 0.6, "model", id="at the threshold counts"),
        pytest.param(None, {NAME: 0.59, EMAIL: 0.41}, (UNKNOWN,), 0.0, "unknown", id="below the threshold"),
        pytest.param(None, {UNKNOWN: 0.95, NAME: 0.05}, (UNKNOWN,), 0.0, "unknown", id="model says unknown"),
        pytest.param(None, None, (UNKNOWN,), 0.0, "unknown", id="nothing to go by"),
    ],
)
def test_decide(
    rule: RuleHit | None, probabilities: dict[str, float] | None, labels: tuple[str, ...], confidence: float, route: str
) -> None:
    answer = decide(rule, probabilities, trust=TRUST, threshold=0.6)
    assert (answer.labels, answer.confidence, answer.route) == (labels, confidence, route)


SAFE = "OTHER.Safe"


@pytest.mark.parametrize(
    ("rule", "sure", "threshold", "labels", "route"),
    [
        pytest.param(None, 0.89, 0.6, (UNKNOWN,), "unknown", id="a model not sure enough calls nothing safe"),
        pytest.param(None, 0.9, 0.6, (SAFE,), "model", id="at the safe threshold it may"),
        pytest.param(None, 0.92, 0.95, (UNKNOWN,), "unknown", id="a stricter detector stays stricter"),
        pytest.param(hit(SAFE, Match.ALIAS), 0.7, 0.6, (SAFE,), "rules", id="a rule needs no model for it"),
        pytest.param(hit(SAFE, Match.EXACT), 0.1, 0.6, (SAFE,), "rules", id="a reviewed mapping decides"),
        pytest.param(hit(NAME, Match.ELSEWHERE), 0.8, 0.3, (NAME,), "rules", id="an unsure safe yields to a rule"),
    ],
)
def test_safe_takes_more_than_any_other_label(
    rule: RuleHit | None, sure: float, threshold: float, labels: tuple[str, ...], route: str
) -> None:
    says = {SAFE: sure, NAME: (1 - sure) / 2}
    answer = decide(rule, says, trust=TRUST, threshold=threshold, said=("not_toxic",))
    assert (answer.labels, answer.route) == (labels, route)


@pytest.mark.parametrize(
    ("said", "guess"),
    [
        pytest.param(("Curiosity",), (SAFE, 0.99), id="a bare label it is sure about"),
        pytest.param(("Curiosity", "How curious."), (SAFE, 0.99), id="a label with a description"),
        pytest.param(("No Harassment",), (NAME, 0.01), id="a bare label that denies something"),
        pytest.param(("No Harassment", "a policy"), (NAME, 0.01), id="a label with a description that denies it"),
    ],
)
def test_a_model_calls_nothing_safe_that_does_not_say_so_itself_and_guesses_so_of_no_denial(
    said: tuple[str, ...], guess: tuple[str, float]
) -> None:
    answer = decide(None, {SAFE: 0.99, NAME: 0.01}, trust=TRUST, said=said)
    assert (answer.labels, answer.guess) == ((UNKNOWN,), guess)


@pytest.mark.parametrize(
    ("said", "guess"),
    [(("Curiosity",), (NAME, 0.45)), (("Curiosity", "How curious."), (SAFE, 0.55)), (("benign",), (SAFE, 0.55))],
    ids=["a bare label", "a label with a description", "a label that says so"],
)
def test_safe_is_guessed_of_a_bare_label_only_by_a_model_that_is_sure(
    said: tuple[str, ...], guess: tuple[str, float]
) -> None:
    assert decide(None, {SAFE: 0.55, NAME: 0.45}, trust=TRUST, said=said).guess == guess


def test_an_unsure_safe_is_shown_to_the_reviewer_as_such() -> None:
    answer = decide(None, {SAFE: 0.8, NAME: 0.2}, trust=TRUST, said=("not_toxic",))
    assert answer.guess == (SAFE, 0.8)
    assert "not enough to call something safe" in answer.note


@pytest.mark.parametrize(
    ("rule", "probabilities", "labels", "confidence"),
    [
        pytest.param(None, {NAME: 0.9, EMAIL: 0.1}, (NAME,), 0.9, id="what it answers"),
        pytest.param(None, {NAME: 0.4, EMAIL: 0.3}, (NAME,), 0.4, id="what it would guess"),
        pytest.param(None, {UNKNOWN: 0.9, NAME: 0.1}, (UNKNOWN,), 0.0, id="a model that prefers unknown means it"),
        pytest.param(hit(EMAIL, Match.ELSEWHERE), {NAME: 0.3}, (EMAIL,), 0.4, id="the surer rule"),
        pytest.param(hit(EMAIL, Match.ELSEWHERE), {NAME: 0.5}, (NAME,), 0.5, id="the surer model"),
        pytest.param(hit(EMAIL, Match.ELSEWHERE), None, (EMAIL,), 0.4, id="a rule alone"),
        pytest.param(hit(EMAIL, Match.ELSEWHERE), {UNKNOWN: 0.5}, (UNKNOWN,), 0.0, id="unknown over a weak rule"),
        pytest.param(None, None, (UNKNOWN,), 0.0, id="nothing to go by"),
    ],
)
def test_the_first_choice_is_what_it_would_name_if_it_had_to(
    rule: RuleHit | None, probabilities: dict[str, float] | None, labels: tuple[str, ...], confidence: float
) -> None:
    answer = decide(rule, probabilities, trust=TRUST)
    assert (answer.first_choice, answer.first_confidence) == (labels, confidence)


def test_a_guess_below_the_threshold_is_shown_to_the_reviewer_only() -> None:
    answer = decide(None, {NAME: 0.41, EMAIL: 0.3, UNKNOWN: 0.29}, trust=TRUST)
    assert answer.guess == (NAME, 0.41)
    assert "PII.Person.Name at 0.41" in answer.note


def test_a_disagreement_with_reviewed_yaml_is_said_in_the_note() -> None:
    assert "overrules" in decide(hit(EMAIL, Match.EXACT), {NAME: 0.9}, trust=TRUST).note


@given(
    st.dictionaries(st.sampled_from([EMAIL, NAME, UNKNOWN, "OTHER.Safe"]), st.floats(0, 1), min_size=1),
    st.sampled_from([None, *Match]),
    st.floats(0.3, 0.9),
)
def test_scores_always_name_exactly_the_labels_given(
    probabilities: dict[str, float], match: Match | None, threshold: float
) -> None:
    rule = None if match is None else hit(EMAIL, match)
    answer = decide(rule, probabilities, trust=TRUST, threshold=threshold)
    assert set(answer.scores) == set(answer.labels)
    assert answer.confidence == 0.0 if answer.labels == (UNKNOWN,) else answer.confidence >= min(threshold, 0.98)


def given_answer(label: str, confidence: float, route: str = "rules") -> Answer:
    return Answer(labels=(label,), scores={label: confidence}, confidence=confidence, route=route)  # type: ignore[arg-type]


def test_a_detector_that_ran_and_found_nothing_is_safe() -> None:
    assert combine([]) == safe()


def test_a_detector_that_failed_is_neither_safe_nor_unknown() -> None:
    assert failed().labels == ("OTHER.ModelError",)


@pytest.mark.parametrize(
    ("parts", "labels", "confidence"),
    [
        ([given_answer(EMAIL, 1.0), given_answer(NAME, 0.7)], (EMAIL, NAME), 0.7),
        ([given_answer("OTHER.Safe", 1.0), given_answer(NAME, 0.7)], (NAME,), 0.7),
        ([given_answer(UNKNOWN, 0.0), given_answer(NAME, 0.7)], (NAME,), 0.7),
        ([given_answer(UNKNOWN, 0.0), given_answer("OTHER.Safe", 1.0)], (UNKNOWN,), 0.0),
        ([given_answer(EMAIL, 0.7), given_answer(EMAIL, 0.9)], (EMAIL,), 0.7),
    ],
)
def test_several_findings_make_one_answer_in_which_safe_stands_alone(
    parts: list[Answer], labels: tuple[str, ...], confidence: float
) -> None:
    combined = combine(parts)
    assert (combined.labels, combined.confidence) == (labels, confidence)
    assert set(combined.scores) == set(combined.labels)
