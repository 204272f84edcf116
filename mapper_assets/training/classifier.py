"""Multinomial logistic regression over n-grams and embeddings side by side, learnt with AdamW and stopped early.

For the retriever and for its rivals. scikit-learn's own would need both kinds of features in one sparse matrix and
many passes to its optimum; six passes take seconds.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

PASSES, BATCH, RATE, DECAY = 6, 512, 0.02, 0.1
"""Passes over the examples, examples a step, highest learning rate, weight decay (Loshchilov and Hutter 2019)."""

LEAST_STEPS = 150
"""A few hundred examples are passed over more often."""

SCALE = 5.0
"""Features are unit vectors; a larger scale lets few steps reach the weights that sharp answers need."""

NEVER = -30.0
"""Intercept of a label without any example."""


class Features(NamedTuple):
    """Rows of examples; one of the two kinds may be missing, that is of width 0.

    Attributes:
        ngrams: shape (examples, n-grams).
        vectors: embeddings, shape (examples, width).
    """

    ngrams: sp.csr_matrix
    vectors: NDArray[np.float32]


class _Linear(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Scores of all labels, from sparse and dense features."""

    def __init__(self, ngrams: int, width: int, labels: int) -> None:
        super().__init__()
        self.ngrams = nn.EmbeddingBag(max(ngrams, 1), labels, mode="sum")
        self.vectors = nn.Parameter(torch.zeros(width, labels))
        self.intercept = nn.Parameter(torch.zeros(labels))
        nn.init.zeros_(self.ngrams.weight)

    def forward(self, features: Features) -> Tensor:
        """Scores, shape (rows, labels)."""
        sparse = features.ngrams
        columns, starts = (torch.from_numpy(part.astype(np.int64)) for part in (sparse.indices, sparse.indptr[:-1]))
        found: Tensor = self.ngrams(columns, starts, per_sample_weights=torch.from_numpy(sparse.data))
        return SCALE * (found + torch.from_numpy(features.vectors) @ self.vectors) + self.intercept


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
    a_pass = math.ceil(len(answers) / BATCH)
    passes = max(PASSES, math.ceil(LEAST_STEPS / a_pass))
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=passes * a_pass + 1, pct_start=0.1)
    shuffle = np.random.default_rng(seed)
    for _ in range(passes):
        order = shuffle.permutation(len(answers))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = Features(features.ngrams[rows], features.vectors[rows])
            loss = nn.functional.cross_entropy(model(batch), wanted[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    known = np.isin(labels, list(set(answers)))
    return {
        "ngrams": SCALE * model.ngrams.weight.detach().numpy()[: features.ngrams.shape[1]],
        "vectors": SCALE * model.vectors.detach().numpy(),
        "intercept": np.where(known, model.intercept.detach().numpy(), np.float32(NEVER)),
    }
