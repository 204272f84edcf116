"""The linear classifier of retriever and rivals."""

import numpy as np
import pytest
import scipy.sparse as sp

from mapper_assets.training.classifier import NEVER, Features, learn

LABELS = ("a", "b", "c", "never taught")


@pytest.fixture(scope="module")
def world() -> tuple[Features, list[str]]:
    """Three noisy classes, told apart by one sparse column each and by one dense column together."""
    chance = np.random.default_rng(1)
    numbers = chance.integers(0, 3, 900)
    sparse = sp.random(900, 12, density=0.2, random_state=2, dtype=np.float32, format="lil")
    sparse[np.arange(900), numbers] = 1.0
    dense = chance.normal(scale=0.3, size=(900, 4)).astype(np.float32)
    dense[:, 0] += numbers - 1
    return Features(sparse.tocsr(), dense), [LABELS[number] for number in numbers]


def right(features: Features, answers: list[str], weights: dict[str, np.ndarray]) -> float:
    scores = features.ngrams @ weights["ngrams"] + features.vectors @ weights["vectors"] + weights["intercept"]
    return float(np.mean([LABELS[best] == answer for best, answer in zip(scores.argmax(axis=1), answers, strict=True)]))


@pytest.mark.parametrize(("ngrams", "vectors"), [(12, 4), (12, 0), (0, 4)])
def test_it_learns_from_either_kind_of_features_and_from_both(world, ngrams, vectors):
    (sparse, dense), answers = world
    features = Features(sparse[:, :ngrams], dense[:, :vectors])
    weights = learn(features, answers, LABELS, seed=1)
    assert (weights["ngrams"].shape, weights["vectors"].shape) == ((ngrams, 4), (vectors, 4))
    assert right(features, answers, weights) > 0.7


def test_a_label_without_examples_is_never_probable(world):
    weights = learn(*world, LABELS, seed=1)
    assert weights["intercept"][LABELS.index("never taught")] == NEVER


def test_the_same_seed_gives_the_same_weights(world):
    one, same, other = (learn(*world, LABELS, seed=seed) for seed in (1, 1, 2))
    assert all((one[name] == same[name]).all() for name in one)
    assert (one["ngrams"] != other["ngrams"]).any()
