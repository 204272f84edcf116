"""The trie feeds what decides and nothing else, and its paths are the sequences."""

import math
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_model.trie import ROOT, Trie, build

END = 0

sequences = st.lists(
    st.lists(st.integers(min_value=1, max_value=4), max_size=5).map(tuple), min_size=1, max_size=12, unique=True
).map(lambda many: [(*one, END) for one in many])


def fed_prefix(trie: Trie, node: int) -> tuple[int, ...]:
    """Tokens from below the prompt down to a node, both included."""
    return () if node == ROOT else tuple(trie.tokens[ancestor] for ancestor in trie.ancestors[node])


def allowed(many: Sequence[tuple[int, ...]], prefix: tuple[int, ...]) -> set[int]:
    return {one[len(prefix)] for one in many if one[: len(prefix)] == prefix}


@given(sequences)
def test_every_decision_stands_where_sequences_part_and_offers_exactly_their_tokens(
    many: list[tuple[int, ...]],
) -> None:
    trie = build(many)
    parting = {one[:i] for one in many for i in range(len(one)) if len(allowed(many, one[:i])) > 1}
    offered = {fed_prefix(trie, decision.node): set(decision.children) for decision in trie.decisions}
    assert offered == {prefix: allowed(many, prefix) for prefix in parting}


@given(sequences)
def test_only_beginnings_of_a_parting_are_fed(many: list[tuple[int, ...]]) -> None:
    trie = build(many)
    parting = {one[:i] for one in many for i in range(len(one)) if len(allowed(many, one[:i])) > 1}
    needed = {prefix[:length] for prefix in parting for length in range(1, len(prefix) + 1)}
    fed = [fed_prefix(trie, node) for node in range(len(trie.tokens))]
    assert len(fed) == len(set(fed))
    assert set(fed) == needed


@given(sequences)
def test_a_path_takes_the_sequence_s_own_token_at_every_parting(many: list[tuple[int, ...]]) -> None:
    trie = build(many)
    for one, path in zip(many, trie.paths, strict=True):
        for decision, child in path:
            prefix = fed_prefix(trie, trie.decisions[decision].node)
            assert (*prefix, trie.decisions[decision].children[child]) == one[: len(prefix) + 1]
        assert len(path) == sum(len(allowed(many, one[:i])) > 1 for i in range(len(one)))


@given(sequences)
def test_probabilities_along_the_paths_add_up_to_one(many: list[tuple[int, ...]]) -> None:
    trie = build(many)
    chances = [
        [(child + 1) / sum(range(1, len(d.children) + 1)) for child in range(len(d.children))] for d in trie.decisions
    ]
    total = sum(math.prod(chances[decision][child] for decision, child in path) for path in trie.paths)
    assert total == pytest.approx(1.0)


@given(sequences, st.randoms(use_true_random=False))
def test_log_weights_become_probabilities_of_the_sequences(many: list[tuple[int, ...]], random: Random) -> None:
    trie = build(many)
    weights = [[random.uniform(-50, 0) for _ in decision.children] for decision in trie.decisions]
    found = trie.logprobs(weights)
    assert math.fsum(map(math.exp, found)) == pytest.approx(1.0)
    shifted = trie.logprobs([[weight - 7 * row for weight in own] for row, own in enumerate(weights)])
    assert shifted == pytest.approx(found)
    for own, path in zip(found, trie.paths, strict=True):
        shares = [math.exp(weights[d][c]) / math.fsum(map(math.exp, weights[d])) for d, c in path]
        assert math.exp(own) == pytest.approx(math.prod(shares))


@given(sequences)
def test_the_tokens_that_lead_to_a_decision_are_the_beginning_its_sequences_share(many: list[tuple[int, ...]]) -> None:
    trie = build(many)
    for decision in trie.decisions:
        assert allowed(many, trie.leading_to(decision)) == set(decision.children)


@given(sequences)
def test_parents_come_first_and_depths_count_from_the_prompt(many: list[tuple[int, ...]]) -> None:
    trie = build(many)
    for node, parent in enumerate(trie.parents):
        assert parent < node
        assert trie.depths[node] == len(trie.ancestors[node])


def test_nothing_is_fed_for_a_single_sequence() -> None:
    assert build([(5, 6, END)]) == Trie(tokens=(), parents=(), depths=(), decisions=(), paths=((),))


def test_nothing_is_fed_below_the_last_parting() -> None:
    assert build([(7, 1, 2, 3, END), (7, 4, 5, 6, END)]).tokens == (7,)


@pytest.mark.parametrize(
    "many",
    [[], [(1, 2), (1, 2)], [(1, 2), (1, 2, 3)], [(1, 2, 3), (1, 2)]],
    ids=["none", "twice the same", "longer second", "shorter second"],
)
def test_sequences_that_cannot_be_told_apart_are_refused(many: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"sequence"):
        build(many)
