"""Two voices become one distribution: a product of experts whose weights depend on who was heard."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.voices import CONTENDING, MOST_CONTENDERS, LogProbs, Opinion, Weights, contenders, fuse, narrowed

A, B, C = "PII.Contact.Email", "PII.Person.Name", "OTHER.Unknown"
EVEN = Weights(together={"adapter": 1.0, "retriever": 1.0})


def said(a: float, b: float, c: float) -> LogProbs:
    return {A: math.log(a), B: math.log(b), C: math.log(c)}


SURE, UNSURE, OTHER = said(0.8, 0.1, 0.1), said(0.4, 0.3, 0.3), said(0.1, 0.8, 0.1)
distributions = st.tuples(*[st.floats(1e-6, 1.0)] * 3).map(lambda three: said(*(x / sum(three) for x in three)))
weights = st.floats(0.05, 5.0)


@pytest.mark.parametrize(
    ("opinion", "chosen", "expected"),
    [
        pytest.param({"adapter": SURE}, Weights(), 0.8, id="one voice at weight 1 is what it says"),
        pytest.param({"adapter": SURE}, Weights(adapter=0.5), 0.586, id="below 1 it is less sure"),
        pytest.param({"retriever": SURE}, Weights(adapter=0.5), 0.8, id="each voice alone has its own weight"),
        pytest.param({"adapter": SURE, "retriever": SURE}, Weights(), 0.8, id="halves of one opinion are that opinion"),
        pytest.param({"adapter": SURE, "retriever": SURE}, EVEN, 0.970, id="agreement makes surer"),
        pytest.param({"adapter": SURE, "retriever": UNSURE}, EVEN, 0.842, id="a doubtful voice adds little"),
        pytest.param({"adapter": SURE, "retriever": OTHER}, EVEN, 0.471, id="disagreement makes unsure"),
    ],
)
def test_fuse(opinion: Opinion, chosen: Weights, expected: float) -> None:
    assert fuse(opinion, chosen)[A] == pytest.approx(expected, abs=5e-4)


@given(distributions, distributions, weights, weights)
def test_probabilities_sum_to_one_over_the_same_labels(one: LogProbs, other: LogProbs, w: float, v: float) -> None:
    fused = fuse({"adapter": one, "retriever": other}, Weights(together={"adapter": w, "retriever": v}))
    assert fused.keys() == one.keys()
    assert sum(fused.values()) == pytest.approx(1.0)


@given(distributions, weights)
def test_a_voice_alone_keeps_its_order(one: LogProbs, weight: float) -> None:
    fused = fuse({"retriever": one}, Weights(retriever=weight))
    assert all(fused[x] <= fused[y] or math.isclose(fused[x], fused[y]) for x in one for y in one if one[x] < one[y])


def test_very_unlikely_labels_do_not_underflow() -> None:
    fused = fuse({"adapter": {A: -900.0, B: -2000.0}}, Weights())
    assert fused[A] == pytest.approx(1.0)


MANY = [f"L{number:02}" for number in range(30)]
spread = st.lists(st.floats(1e-6, 1.0), min_size=30, max_size=30).map(
    lambda found: {label: math.log(x / sum(found)) for label, x in zip(MANY, found, strict=True)}
)


@given(spread)
def test_contenders_are_the_few_best_labels_the_retriever_does_not_rule_out(retrieved: LogProbs) -> None:
    chosen, order = contenders(retrieved), sorted(MANY, key=lambda label: -retrieved[label])
    near = [label for label in order if math.exp(retrieved[label] - retrieved[order[0]]) >= CONTENDING]
    assert {retrieved[label] for label in chosen} == {retrieved[label] for label in near[:MOST_CONTENDERS]}


def test_a_retriever_without_an_idea_rules_nothing_out() -> None:
    assert contenders(dict.fromkeys(MANY, math.log(1 / 30))) == set(MANY)


@given(spread, spread)
def test_an_adapter_that_was_asked_about_contenders_only_counts_as_one_that_was_asked_in_full(
    retrieved: LogProbs, adapted: LogProbs
) -> None:
    asked = narrowed(adapted, contenders(retrieved))
    assert sum(math.exp(value) for value in asked.values()) == pytest.approx(1.0, abs=1e-6)
    whole, part = (fuse({"retriever": retrieved, "adapter": said}, EVEN) for said in (adapted, asked))
    assert whole == pytest.approx(part)
