"""The classifier inside the retriever: one linear layer over n-grams and embeddings, learnt with AdamW.

The same model as a multinomial logistic regression, stopped early instead of run to its optimum: six passes take
seconds where L-BFGS takes minutes, and did better on detectors left out.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mapper_model.features import Features

PASSES, BATCH, RATE, DECAY = 6, 512, 0.02, 0.1
"""Passes over the examples, examples a step, highest learning rate, weight decay (Loshchilov and Hutter 2019)."""

SCALE = 5.0
"""Features are unit vectors; a larger scale lets few steps reach the weights that sharp answers need."""

NEVER = -30.0
"""Intercept of a label without any example."""


class _Linear(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Scores of all labels, from sparse and dense features."""

    def __init__(self, ngrams: int, width: int, labels: int) -> None:
        super().__init__()
        self.ngrams = nn.EmbeddingBag(ngrams, labels, mode="sum")
        self.vectors = nn.Linear(width, labels)
        for weights in (self.ngrams.weight, self.vectors.weight, self.vectors.bias):
            nn.init.zeros_(weights)

    def forward(self, features: Features) -> Tensor:
        """Scores, shape (rows, labels)."""
        sparse = features.ngrams
        columns, starts = (torch.from_numpy(part.astype(np.int64)) for part in (sparse.indices, sparse.indptr[:-1]))
        found: Tensor = self.ngrams(columns, starts, per_sample_weights=torch.from_numpy(sparse.data))
        found = SCALE * (found + nn.functional.linear(torch.from_numpy(features.vectors), self.vectors.weight))
        return found + self.vectors.bias


def learn(
    features: Features, answers: Sequence[str], labels: Sequence[str], *, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Weights `ngrams` and `vectors`, shape (features, labels), and the `intercept` of `mapper_model.retriever`.

    Args:
        features: of the examples.
        answers: the label of each example.
        labels: all labels; one no example has is never probable.
        seed: of the order in which examples are seen.
    """
    index = {label: column for column, label in enumerate(labels)}
    wanted = torch.tensor([index[answer] for answer in answers])
    model = _Linear(features.ngrams.shape[1], features.vectors.shape[1], len(labels))
    steps = -(-len(answers) // BATCH) * PASSES
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1, pct_start=0.1)
    shuffle = np.random.default_rng(seed)
    for _ in range(PASSES):
        order = shuffle.permutation(len(answers))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = Features(features.ngrams[rows], features.vectors[rows])
            loss = nn.functional.cross_entropy(model(batch), wanted[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return _weights(model, np.isin(labels, list(set(answers))))


def _weights(model: _Linear, known: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = {
        "ngrams": SCALE * model.ngrams.weight.detach().numpy(),
        "vectors": SCALE * model.vectors.weight.detach().numpy().T,
        "intercept": model.vectors.bias.detach().numpy(),
    }
    found["intercept"] = np.where(known, found["intercept"], np.float32(NEVER))
    return found
