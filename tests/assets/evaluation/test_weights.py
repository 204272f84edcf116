import math
import random
from collections.abc import Mapping

import pytest
from small_world import spread

from mapper_assets.evaluation.weights import LEAST, LEAST_CASES, Judged, fit, loss
from mapper_domain.voices import Voice, Weights

LABELS = ("a", "b", "c", "d")
BOTH: tuple[Voice, ...] = ("adapter", "retriever")


def judged(right: str, **said: tuple[str, float]) -> Judged:
    """What voices named, each with how sure it was, and what was right."""
    opinion: Mapping[Voice, Mapping[str, float]] = {
        voice: spread(LABELS, *said[voice]) for voice in BOTH if voice in said
    }
    return Judged(opinion, (right,))


def claimed(voice: str, sure: float, right: float, cases: int = 100) -> list[Judged]:
    """A voice that claims to be that sure and is right that often."""
    return [judged("a", **{voice: ("a" if i < right * cases else "b", sure)}) for i in range(cases)]


@pytest.mark.parametrize("voice", BOTH)
def test_an_overconfident_voice_is_made_as_sure_as_it_is_right(voice: Voice) -> None:
    weights = fit(claimed(voice, 0.99, 0.7))
    exponent = weights.adapter if voice == "adapter" else weights.retriever
    odds = (0.99 / (0.01 / 3)) ** exponent
    assert odds / (odds + 3) == pytest.approx(0.7, abs=0.001)


def test_a_voice_that_says_what_it_knows_keeps_its_weight() -> None:
    assert fit(claimed("retriever", 0.8, 0.8)).retriever == pytest.approx(1.0, abs=0.01)


def test_an_untrained_adapter_beside_a_good_retriever_gets_as_good_as_no_say() -> None:
    chance = random.Random(3)
    cases = [
        judged(right, adapter=(chance.choice(LABELS), 0.4), retriever=(right if i % 10 else chance.choice(LABELS), 0.9))
        for i in range(1000)
        for right in (chance.choice(LABELS),)
    ]
    together = fit(cases).together
    assert together["adapter"] < 0.1
    assert together["retriever"] > 0.8


def test_a_voice_that_is_always_wrong_is_silenced() -> None:
    cases = [judged("a", adapter=("b", 0.9), retriever=("a" if i % 4 else "c", 0.7)) for i in range(100)]
    assert fit(cases).together["adapter"] == LEAST


def test_two_voices_that_err_apart_are_worth_more_together() -> None:
    cases = [
        judged("a", adapter=("a" if i % 4 else "b", 0.8), retriever=("a" if (i + 2) % 4 else "c", 0.8))
        for i in range(100)
    ]
    weights = fit(cases)
    assert loss(cases, weights, BOTH) < min(loss(cases, weights, [voice]) for voice in BOTH)


def test_any_accepted_label_is_as_good_as_another() -> None:
    said = spread(LABELS, "a", 0.6)
    case = Judged({"retriever": said}, ("a", "b"))
    assert loss([case], Weights(), ["retriever"]) == pytest.approx(-math.log(0.6 + 0.4 / 3))


def test_a_case_no_voice_can_answer_costs_the_same_under_all_weights() -> None:
    possible = claimed("retriever", 0.9, 0.7)
    impossible = Judged({"retriever": spread(LABELS, "a")}, ("elsewhere",))
    assert fit([*possible, impossible]) == fit(possible)


@pytest.mark.parametrize(("cases", "fitted"), [(LEAST_CASES - 1, False), (LEAST_CASES, True)])
def test_a_handful_of_cases_fits_nothing(cases: int, fitted: bool) -> None:
    assert (fit(claimed("adapter", 0.99, 0.5, cases)) != Weights()) is fitted


def test_only_those_who_were_heard_are_fitted() -> None:
    weights = fit(claimed("retriever", 0.99, 0.5))
    assert weights.adapter == Weights().adapter
    assert weights.together == Weights().together


def test_no_cases_lose_nothing() -> None:
    assert loss([], Weights(), BOTH) == 0.0
