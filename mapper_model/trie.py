"""The token trie of all allowed answers: what must be fed to a model to score them all, and how. No torch here.

Answers share long beginnings, so their trie has far fewer nodes than all answers have tokens. And
where a node has a single child the next token is certain under constrained decoding, so a path need
not be fed below its last branching node.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

ROOT = -1
"""Stands for the last token of the prompt, below which every answer begins."""


@dataclass(frozen=True)
class Decision:
    """A node with more than one child.

    Attributes:
        node: index of the fed node whose next-token distribution decides, or `ROOT`.
        children: the allowed next tokens, ascending.
    """

    node: int
    children: tuple[int, ...]


@dataclass(frozen=True)
class Trie:
    """A trie reduced to what decides between its sequences.

    Attributes:
        tokens: token of each fed node; parents come before their children.
        parents: index of each node's parent, or `ROOT`.
        depths: distance of each node below the prompt's last token, from 1.
        decisions: every branching node.
        paths: for each sequence, in the order given, the (decision, child) pairs that lead to it.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    depths: tuple[int, ...]
    decisions: tuple[Decision, ...]
    paths: tuple[tuple[tuple[int, int], ...], ...]

    @cached_property
    def ancestors(self) -> tuple[tuple[int, ...], ...]:
        """For each fed node itself and its ancestors: what it may attend to besides the prompt."""
        found: list[tuple[int, ...]] = []
        for index, parent in enumerate(self.parents):
            found.append((*(() if parent == ROOT else found[parent]), index))
        return tuple(found)

    def leading_to(self, decision: Decision) -> tuple[int, ...]:
        """The tokens between the prompt and a decision."""
        return () if decision.node == ROOT else tuple(self.tokens[node] for node in self.ancestors[decision.node])

    def logprobs(self, weights: Sequence[Sequence[float]]) -> list[float]:
        """Natural-log probability of each sequence, renormalised over the children of every decision on its way.

        Args:
            weights: for each decision the log-weights of its children, in their order, up to a constant of its own:
                a model's log-probabilities over its whole vocabulary will do.
        """
        shares = []
        for own in weights:
            peak = max(own)
            total = peak + math.log(math.fsum(math.exp(weight - peak) for weight in own))
            shares.append([weight - total for weight in own])
        return [math.fsum(shares[decision][child] for decision, child in path) for path in self.paths]


@dataclass
class _Node:
    children: dict[int, "_Node"] = field(default_factory=dict)
    branches_below: bool = False
    index: int = ROOT
    decision: int = -1


def build(sequences: Sequence[Sequence[int]]) -> Trie:
    """The trie of these token sequences.

    Raises:
        ValueError: when there is none, or one is another or its beginning (an end token prevents that).
    """
    if not sequences:
        raise ValueError("a trie needs at least one sequence")
    root = _Node()
    for sequence in sequences:
        _insert(root, sequence)
    _mark(root)
    tokens: list[int] = []
    parents: list[int] = []
    depths: list[int] = []
    decisions: list[Decision] = []
    pending: list[tuple[_Node, int]] = [(root, 0)]
    while pending:
        node, depth = pending.pop()
        if len(node.children) > 1:
            node.decision = len(decisions)
            decisions.append(Decision(node.index, tuple(sorted(node.children))))
        for token, child in sorted(node.children.items(), reverse=True):
            if child.branches_below:
                child.index = len(tokens)
                tokens.append(token)
                parents.append(node.index)
                depths.append(depth + 1)
                pending.append((child, depth + 1))
    paths = tuple(_path(root, sequence, decisions) for sequence in sequences)
    return Trie(tuple(tokens), tuple(parents), tuple(depths), tuple(decisions), paths)


def _insert(root: _Node, sequence: Sequence[int]) -> None:
    node, new = root, False
    for position, token in enumerate(sequence):
        if position and not new and not node.children:
            raise ValueError("one sequence is the beginning of another; end each with an end token")
        new = new or token not in node.children
        node = node.children.setdefault(token, _Node())
    if not new:
        raise ValueError("one sequence is another or its beginning; give each once, with an end token")


def _mark(node: _Node) -> bool:
    """Note on every node whether it or anything below it branches."""
    below = [_mark(child) for child in node.children.values()]
    node.branches_below = len(node.children) > 1 or any(below)
    return node.branches_below


def _path(root: _Node, sequence: Sequence[int], decisions: Sequence[Decision]) -> tuple[tuple[int, int], ...]:
    node, path = root, []
    for token in sequence:
        if len(node.children) > 1:
            path.append((node.decision, decisions[node.decision].children.index(token)))
        node = node.children[token]
    return tuple(path)
