from collections.abc import Mapping
from typing import Any

import pytest

from mapper_assets.evaluation.scores import (
    GATED,
    Agreement,
    GoldenSet,
    Inputs,
    Refusals,
    Scores,
    Validity,
    WeightsFit,
)
from mapper_assets.gates import Gates, Verdict, judge
from mapper_domain.ladder import Trust
from mapper_domain.resampling import Interval
from mapper_domain.scoring import Difference, Score
from mapper_domain.voices import Weights

INPUTS = Inputs(
    adapter_sha256="a" * 64,
    base_model="small",
    dataset_sha256="b" * 64,
    catalog_sha256="c" * 64,
    taxonomy_version="2026.11",
    prompt_version="1",
    profile="tiny",
    seed=1,
    held_out=(),
)


def result(
    *,
    valid: int = 1000,
    f1: float = 0.95,
    ece: float = 0.01,
    by_detector: Mapping[str, int] = {"a": 120, "b": 100},
    possible: Mapping[str, int] = {},
    categories: float = 0.9,
    adapter_f1: float = 0.0,
    unseen_ece: float = 0.02,
    harmful: int = 0,
    refused: int = 60,
    gain: float = 0.05,
) -> Scores:
    """Scores that pass every gate unless told otherwise; 1,000 answers were checked against the schema."""

    def score(f1: float, ece: float, harmful: int = 0) -> Score:
        return Score(
            cases=50,
            weight=50.0,
            f1=f1,
            interval=Interval(low=f1, high=f1),
            micro=f1,
            label_f1=f1,
            coverage=1.0,
            precision=f1,
            ece=ece,
            harmful_called_safe=harmful,
            by_detector={"a": f1},
        )

    return Scores(
        inputs=INPUTS,
        golden=GoldenSet(sha256="d" * 64, by_detector=by_detector, possible=possible, gated=50, categories=categories),
        systems={
            "mapper": {
                GATED: score(f1, ece),
                "unseen_label": score(0.9, 0.5),
                "unseen_detector": score(0.9, unseen_ece, harmful),
            },
            "adapter": {GATED: score(adapter_f1, 0.9)},
        },
        gains={"unseen_detector": {"lookup": gained(0.5), "minilm_char_regression": gained(gain)}},
        trust=Trust(),
        weights=WeightsFit(cases=0, shipped=Weights(), halves=(Weights(), Weights()), before={}, after={}),
        rules={},
        validity=Validity(checked=1000, valid=valid),
        agreement=Agreement(asked=0, disagreed=0),
        nonsense=Refusals(asked=60, refused=refused),
        reliability={},
        risk_coverage=(),
        confusion={},
        model_calls=0,
        files={},
    )


def gained(f1: float, cases: int = 50) -> Difference:
    return Difference(f1=f1, interval=Interval(low=f1 - 0.1, high=f1 + 0.1), cases=cases)


def verdict(name: str, scores: Scores, gates: Gates | None = None) -> Verdict:
    return next(v for v in judge(scores, gates or Gates()) if v.name == name)


def test_every_gate_is_judged_every_time() -> None:
    assert [v.name for v in judge(result(), Gates())] == list(Gates.model_fields)


@pytest.mark.parametrize(
    ("name", "changed", "passed"),
    [
        ("schema_valid_rate", {"valid": 950}, True),
        ("schema_valid_rate", {"valid": 949}, False),
        ("f1", {"f1": 0.9}, True),
        ("f1", {"f1": 0.8999}, False),
        ("ece", {"ece": 0.05}, True),
        ("ece", {"ece": 0.0501}, False),
        ("golden_cases_per_detector", {"by_detector": {"a": 100}}, True),
        ("golden_cases_per_detector", {"by_detector": {"a": 99, "b": 500}}, False),
        ("golden_cases_per_detector", {"by_detector": {}}, False),
        ("category_coverage", {"categories": 0.8}, True),
        ("category_coverage", {"categories": 0.7999}, False),
        ("unseen_ece", {"unseen_ece": 0.05}, True),
        ("unseen_ece", {"unseen_ece": 0.0501}, False),
        ("unseen_harmful_called_safe", {"harmful": 0}, True),
        ("unseen_harmful_called_safe", {"harmful": 1}, False),
        ("nonsense_refused", {"refused": 57}, True),
        ("nonsense_refused", {"refused": 56}, False),
        ("gain_over_rivals", {"gain": 0.0}, True),
        ("gain_over_rivals", {"gain": -0.001}, False),
    ],
)
def test_a_gate_closes_just_beyond_its_threshold(name: str, changed: dict[str, Any], passed: bool) -> None:
    assert verdict(name, result(**changed)).passed is passed


@pytest.mark.parametrize(("count", "passed"), [(42, True), (41, False), (120, True)])
def test_a_small_vocabulary_is_held_to_what_it_can_give(count: int, passed: bool) -> None:
    found = verdict("golden_cases_per_detector", result(by_detector={"a": count, "b": 100}, possible={"a": 42}))
    assert found.passed is passed


def test_a_detector_that_cannot_give_enough_cases_is_named() -> None:
    found = verdict("golden_cases_per_detector", result(by_detector={"a": 42, "b": 100}, possible={"a": 42}))
    assert (found.value, "Vocabulary and spellings give no more: a 42." in found.detail) == (100, True)


def test_a_detector_with_too_few_cases_is_named_with_what_is_wanted() -> None:
    found = verdict("golden_cases_per_detector", result(by_detector={"a": 41, "b": 99}, possible={"a": 42}))
    assert "Too few: a 41 of 42, b 99 of 100." in found.detail


def test_the_whole_mapper_is_judged_and_not_the_adapter_alone() -> None:
    assert all(v.passed for v in judge(result(adapter_f1=0.1), Gates()))


@pytest.mark.parametrize(
    "name", ["f1", "ece", "unseen_ece", "unseen_harmful_called_safe", "nonsense_refused", "gain_over_rivals"]
)
def test_an_evaluation_that_scored_nothing_passes_nothing(name: str) -> None:
    nothing = result().model_copy(
        update={"systems": {"mapper": {}}, "gains": {}, "nonsense": Refusals(asked=0, refused=0)}
    )
    assert not verdict(name, nothing).passed


def test_no_checked_answer_is_no_valid_answer() -> None:
    nothing = result().model_copy(update={"validity": Validity(checked=0, valid=0)})
    assert not verdict("schema_valid_rate", nothing).passed


def test_missing_categories_are_named() -> None:
    golden = GoldenSet(
        sha256="d" * 64, by_detector={"a": 100}, gated=1, categories=0.5, missing_categories=("RAG", "MEDIA")
    )
    assert "RAG, MEDIA" in verdict("category_coverage", result().model_copy(update={"golden": golden})).detail


def test_thresholds_can_be_set() -> None:
    assert not verdict("f1", result(f1=0.95), Gates(f1=0.96)).passed


def test_the_strongest_rival_is_named_and_the_weaker_ones_are_no_excuse() -> None:
    found = verdict("gain_over_rivals", result(gain=-0.2))
    assert (found.value, found.passed) == (-0.2, False)
    assert "Against MiniLM + char n-gram logistic regression, the best of 2, on 50 cases" in found.detail


def test_a_rival_that_shares_no_case_with_the_mapper_proves_nothing() -> None:
    scores = result().model_copy(update={"gains": {"unseen_detector": {"lookup": gained(0.0, cases=0)}}})
    assert not verdict("gain_over_rivals", scores).passed


def test_harm_called_safe_counts_on_unseen_labels_too() -> None:
    scores = result()
    mapper = dict(scores.systems["mapper"])
    mapper["unseen_label"] = mapper["unseen_label"].model_copy(update={"harmful_called_safe": 2})
    found = verdict("unseen_harmful_called_safe", scores.model_copy(update={"systems": {"mapper": mapper}}))
    assert (found.value, found.passed) == (2, False)
