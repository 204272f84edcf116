"""Log-probabilities of all labels for one question, from one forward pass.

The prompt is followed by the token trie of all answers; a mask lets every trie node see the prompt and
its own ancestors only, and positions count along the path (the tree attention of SpecInfer, Miao et al.
2023, arXiv:2305.09781, used here for scoring). At each branching node the distribution is renormalised
over the allowed children, which is what a grammar mask does in constrained decoding; so the numbers are
the exact probabilities of sampling each answer under that grammar. All arithmetic is fp32: in bf16 a
label's score moved by half a nat.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.utils import logging

from mapper_model.tokens import Tokens
from mapper_model.trie import Trie, build


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
        self._tree = _Tree(self.trie, model)

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

    def score(self, questions: Sequence[str]) -> list[dict[str, float]]:
        """Natural-log probability of every label for each question, normalised over the labels.

        One forward pass per question. Questions are taken in alphabetical order and what one shares with the
        question before it, such as the detector, is not computed again; the answer is the same within 1e-4.
        Batches are not formed: behind each prompt stand a hundred trie nodes, which fill the processor already.
        """
        cache, before = DynamicCache(config=self._model.config), list[int]()
        found: dict[str, dict[str, float]] = {}
        for question in sorted(set(questions)):
            ids = self._tokens.question(question)
            shared = min(_shared(before, ids), len(ids) - 1)
            cache.crop(shared - cache.get_seq_length())
            found[question] = self._score(ids, shared, cache)
            before = ids
        return [found[question] for question in questions]

    def prefill(self, question: str) -> int:
        """Number of prompt tokens, after a plain forward pass over them alone; the yardstick for `score`."""
        ids = self._tokens.question(question)
        with torch.inference_mode():
            self._model(input_ids=torch.tensor([ids]), use_cache=False, logits_to_keep=1)
        return len(ids)

    def _score(self, ids: list[int], shared: int, cache: DynamicCache) -> dict[str, float]:
        """Scores after a pass over the prompt's tokens from `shared` on, the cache holding those before it."""
        tree = self._tree
        fed = torch.tensor(ids[shared:])
        with torch.inference_mode():
            hidden: Tensor = self._model.model(
                input_ids=torch.cat((fed, tree.tokens))[None],
                attention_mask=tree.mask(len(ids))[:, :, shared:],
                position_ids=torch.cat((torch.arange(shared, len(ids)), tree.depths + len(ids) - 1))[None],
                past_key_values=cache,
                use_cache=True,
            ).last_hidden_state[0]
            scores = tree.label_logprobs(hidden[len(fed) - 1 :]).tolist()
        return dict(zip(self.labels, scores, strict=True))


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two prompts have in common from the beginning."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


class _Tree:
    """A trie as tensors. Row 0 of a hidden state handed in is the prompt's last token, row i + 1 is node i."""

    def __init__(self, trie: Trie, model: Any) -> None:
        self.tokens = torch.tensor(trie.tokens, dtype=torch.long)
        self.depths = torch.tensor(trie.depths, dtype=torch.long)
        size = len(trie.tokens)
        self._sees = torch.zeros((size, size), dtype=torch.bool)
        for node, ancestors in enumerate(trie.ancestors):
            self._sees[node, list(ancestors)] = True
        edges = [(d.node + 1, row, token) for row, d in enumerate(trie.decisions) for token in d.children]
        first = {row: index for index, (_, row, _) in reversed(list(enumerate(edges)))}
        self._at = torch.tensor([at for at, _, _ in edges], dtype=torch.long)
        self._decision = torch.tensor([row for _, row, _ in edges], dtype=torch.long)
        self._decisions = len(trie.decisions)
        children = torch.tensor([token for _, _, token in edges], dtype=torch.long)
        head = model.get_output_embeddings()
        self._weight = head.weight.detach()[children]
        self._bias = None if head.bias is None else head.bias.detach()[children]
        self._on_path = torch.zeros((len(trie.paths), len(edges)))
        for label, path in enumerate(trie.paths):
            self._on_path[label, [first[row] + child for row, child in path]] = 1.0

    def mask(self, prompt_length: int) -> Tensor:
        """Which position sees which, shape (1, 1, n, n): the prompt causally, nodes the prompt and their ancestors."""
        size = len(self.tokens)
        sees = torch.ones((prompt_length + size, prompt_length + size), dtype=torch.bool)
        sees[:prompt_length] = sees[:prompt_length].tril()
        sees[prompt_length:, prompt_length:] = self._sees
        return sees[None, None]

    def label_logprobs(self, hidden: Tensor) -> Tensor:
        """Log-probability of each label, shape (labels,), from hidden states of shape (1 + nodes, width)."""
        logits = (hidden[self._at] * self._weight).sum(-1)
        if self._bias is not None:
            logits = logits + self._bias
        table = torch.full((self._decisions, len(logits)), float("-inf"))
        table[self._decision, torch.arange(len(logits))] = logits
        chosen = logits - table.logsumexp(1)[self._decision]
        return self._on_path @ chosen
