"""Log-probabilities of all labels for one question, from one forward pass.

The prompt is followed by the token trie of all answers; a mask lets every trie node see the prompt and
its own ancestors only, and positions count along the path (the tree attention of SpecInfer, Miao et al.
2023, arXiv:2305.09781, used here for scoring). At each branching node the distribution is renormalised
over the allowed children, which is what a grammar mask does in constrained decoding; so the numbers are
the exact probabilities of sampling each answer under that grammar. All arithmetic is fp32: in bf16 a
label's score moved by half a nat.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from mapper_model.beginnings import Beginnings
from mapper_model.tokens import Tokens
from mapper_model.tree import Branches, Tree
from mapper_model.trie import Trie, build

MOST_ROWS = 128
"""Tokens and nodes that several questions together may feed in one pass; with more, a processor gains nothing."""


class LabelScorer:
    """Scores a fixed set of labels with one model.

    Attributes:
        labels: what is scored, in the order given.
        trie: the token trie of the answers naming one label each.
    """

    def __init__(self, model: Any, tokens: Tokens, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        self.trie: Trie = build([tokens.answer([label]) for label in self.labels])
        self._tokens = tokens
        self._model = model.eval()
        self._tree = Tree(self.trie, self.labels, model)
        self._beginnings = Beginnings(model.config)

    @classmethod
    def load(cls, base: Path, adapter: Path | None, labels: Sequence[str], *, threads: int = 1) -> "LabelScorer":
        """A scorer over a base model folder and, if given, a PEFT adapter folder merged into it.

        Args:
            base: folder with safetensors and tokenizer.
            adapter: folder with `adapter_config.json` and `adapter_model.safetensors`.
            labels: canonical labels, each once.
            threads: compute threads of this whole process (torch knows no smaller scope).
        """
        torch.set_num_threads(threads)
        logging.disable_progress_bar()
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32, attn_implementation="sdpa")
        if adapter is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
        return cls(model, Tokens(base), labels)

    def score(
        self, questions: Sequence[str], among: Sequence[Collection[str] | None] | None = None
    ) -> list[dict[str, float]]:
        """Natural-log probability of every label for each question, normalised over the labels.

        What questions about one detector have in common is computed once and kept (`Beginnings`), and a few of them
        share one forward pass; the answer is the same within 1e-4.

        Args:
            questions: instructions (`mapper_domain.prompt`).
            among: for each question the labels that matter, None for all of them. The probabilities of those are
                the same as ever. What is left for the others is shared out evenly wherever only they are concerned,
                so that their part of the trie need not be fed.
        """
        matter = [None] * len(questions) if among is None else among
        keys: list[_Key] = [
            (question, None if labels is None else frozenset(labels))
            for question, labels in zip(questions, matter, strict=True)
        ]
        alike: dict[tuple[int, ...], list[_Asked]] = defaultdict(list)
        for key in dict.fromkeys(keys):
            beginning, rest = self._tokens.parted(key[0])
            alike[tuple(beginning)].append(_Asked(key, rest, self._tree.branches(key[1])))
        found: dict[_Key, dict[str, float]] = {}
        for ids, asked in alike.items():
            for together in _passes(asked):
                found.update(zip((one.key for one in together), self._pass(ids, together), strict=True))
        return [found[key] for key in keys]

    def prefill(self, question: str) -> int:
        """Number of prompt tokens, after a plain forward pass over them alone; the yardstick for `score`."""
        ids = self._tokens.question(question)
        with torch.inference_mode():
            self._model(input_ids=torch.tensor([ids]), use_cache=False, logits_to_keep=1)
        return len(ids)

    def _pass(self, beginning: tuple[int, ...], asked: Sequence["_Asked"]) -> list[dict[str, float]]:
        """Scores of questions that begin alike, from one forward pass."""
        with torch.inference_mode():
            cache, known = self._beginnings.open(beginning)
            feed = _feed(beginning, known, asked)
            hidden: Tensor = self._model.model(
                input_ids=feed.tokens[None],
                attention_mask=feed.sees[None, None],
                position_ids=feed.positions[None],
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state[0]
            self._beginnings.keep(beginning, cache)
            rows = [
                self._tree.label_logprobs(hidden[span], one.branches).tolist()
                for span, one in zip(feed.spans, asked, strict=True)
            ]
        return [dict(zip(self.labels, row, strict=True)) for row in rows]


_Key = tuple[str, frozenset[str] | None]
"""An instruction, and the labels that matter."""


class _Asked(NamedTuple):
    """A question, what its prompt has after the common beginning, and what is fed of the trie."""

    key: _Key
    rest: list[int]
    branches: Branches

    @property
    def size(self) -> int:
        return len(self.rest) + len(self.branches.tokens)


class _Feed(NamedTuple):
    """What one pass is given.

    Attributes:
        tokens: the beginning, unless it is known, then of each question the rest of its prompt and its nodes.
        positions: of each token.
        sees: which token sees which, shape (tokens, known + tokens): a prompt's causally, nodes their prompt and
            their ancestors, and no question another.
        spans: of each question the rows from its prompt's last token to its last node.
    """

    tokens: Tensor
    positions: Tensor
    sees: Tensor
    spans: list[slice]


def _feed(beginning: tuple[int, ...], known: int, asked: Sequence[_Asked]) -> _Feed:
    at = len(beginning) - known
    size = at + sum(one.size for one in asked)
    sees = torch.zeros((size, known + size), dtype=torch.bool)
    sees[:, : known + at] = True
    sees[:at, known : known + at].tril_()
    tokens, positions = [torch.tensor(beginning[known:], dtype=torch.long)], [torch.arange(known, len(beginning))]
    spans = []
    for one in asked:
        rest, last = len(one.rest), len(beginning) + len(one.rest) - 1
        own = sees[at : at + one.size, known + at : known + at + one.size]
        own[:, :rest] = True
        own[:rest, :rest].tril_()
        own[rest:, rest:] = one.branches.sees
        tokens += [torch.tensor(one.rest, dtype=torch.long), one.branches.tokens]
        positions += [torch.arange(len(beginning), last + 1), one.branches.depths + last]
        spans.append(slice(at + rest - 1, at + one.size))
        at += one.size
    return _Feed(torch.cat(tokens), torch.cat(positions), sees, spans)


def _passes(asked: Sequence[_Asked]) -> Iterator[list[_Asked]]:
    """The questions of each pass: as many as have room, at least one."""
    together: list[_Asked] = []
    for one in asked:
        if together and sum(other.size for other in together) + one.size > MOST_ROWS:
            yield together
            together = []
        together.append(one)
    if together:
        yield together
