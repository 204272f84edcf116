"""The trie as tensors: which nodes are fed for which labels, and label probabilities from their hidden states.

Which token sequences there are is `mapper_model.trie`'s business, and running the model `mapper_model.scorer`'s.
"""

import math
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mapper_model.trie import Trie


class Branches(NamedTuple):
    """The part of a trie that is fed, parents before children.

    Attributes:
        tokens: token of each node.
        depths: distance of each below the prompt's last token.
        sees: which node sees which, shape (nodes, nodes): itself and its ancestors.
        rows: row of each trie node in a hidden state whose row 0 is the prompt's last token; -1 where it is not fed.
            Item 0 stands for the prompt's last token, item i + 1 for node i.
    """

    tokens: Tensor
    depths: Tensor
    sees: Tensor
    rows: Tensor


class Tree:
    """A trie over one model's output embeddings."""

    def __init__(self, trie: Trie, labels: Sequence[str], model: Any) -> None:
        size = len(trie.tokens)
        sees = torch.zeros((size, size), dtype=torch.bool)
        for node, ancestors in enumerate(trie.ancestors):
            sees[node, list(ancestors)] = True
        tokens, depths = (torch.tensor(values, dtype=torch.long) for values in (trie.tokens, trie.depths))
        self._all = Branches(tokens, depths, sees, torch.arange(size + 1))
        edges = [(d.node + 1, row, token) for row, d in enumerate(trie.decisions) for token in d.children]
        first = {row: index for index, (_, row, _) in reversed(list(enumerate(edges)))}
        self._at = torch.tensor([at for at, _, _ in edges], dtype=torch.long)
        self._decision = torch.tensor([row for _, row, _ in edges], dtype=torch.long)
        children = torch.tensor([token for _, _, token in edges], dtype=torch.long)
        head = model.get_output_embeddings()
        self._weight = head.weight.detach()[children]
        self._bias = None if head.bias is None else head.bias.detach()[children]
        self._on_path = torch.zeros((len(trie.paths), len(edges)))
        self._nodes: dict[str, frozenset[int]] = {}
        for row, (label, path) in enumerate(zip(labels, trie.paths, strict=True)):
            self._on_path[row, [first[decision] + child for decision, child in path]] = 1.0
            deciding = [trie.decisions[decision].node for decision, _ in path]
            self._nodes[label] = frozenset(n for node in deciding if node >= 0 for n in trie.ancestors[node])
        leaves = self._on_path.sum(0)
        below = torch.zeros(len(trie.decisions)).index_add_(0, self._decision, leaves)
        self._even = (leaves / below[self._decision]).log()

    def branches(self, labels: Collection[str] | None) -> Branches:
        """What has to be fed to tell these labels from all others; everything for None."""
        if labels is None:
            return self._all
        chosen = torch.tensor(sorted(frozenset().union(*(self._nodes[label] for label in labels))), dtype=torch.long)
        rows = torch.full((len(self._all.rows),), -1, dtype=torch.long)
        rows[0] = 0
        rows[chosen + 1] = torch.arange(1, len(chosen) + 1)
        whole = self._all
        return Branches(whole.tokens[chosen], whole.depths[chosen], whole.sees[chosen][:, chosen], rows)

    def label_logprobs(self, hidden: Tensor, branches: Branches) -> Tensor:
        """Log-probability of each label, shape (labels,), from hidden states of shape (1 + fed nodes, width).

        Where a decision was not fed, all labels below it are taken to be equally likely.
        """
        rows = branches.rows[self._at]
        fed = rows >= 0
        logits = (hidden[rows[fed]] * self._weight[fed]).sum(-1)
        if self._bias is not None:
            logits = logits + self._bias[fed]
        decision = self._decision[fed]
        table = torch.full((int(self._decision.max()) + 1 if len(self._decision) else 0, len(logits)), -math.inf)
        table[decision, torch.arange(len(logits))] = logits
        chosen = self._even.clone()
        chosen[fed] = logits - table.logsumexp(1)[decision]
        return self._on_path @ chosen
