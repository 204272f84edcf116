import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression as Reference

from mapper_assets.training.regression import Features, LogisticRegression


@pytest.fixture(scope="module")
def world() -> tuple[sp.csr_matrix, NDArray[np.float32], list[str]]:
    """Three noisy classes in two kinds of features."""
    chance = np.random.default_rng(1)
    numbers = chance.integers(0, 3, 90)
    dense = chance.normal(size=(90, 4)).astype(np.float32)
    dense[:, 0] += numbers
    sparse = sp.random(90, 12, density=0.2, random_state=2, dtype=np.float32, format="csr")
    return sparse, dense, ["abc"[number] for number in numbers]


@pytest.mark.parametrize("kinds", [(True, True), (True, False), (False, True)])
def test_the_answer_is_that_of_scikit_learn(
    kinds: tuple[bool, bool], world: tuple[sp.csr_matrix, NDArray[np.float32], list[str]]
) -> None:
    sparse, dense, classes = world
    features: Features = (sparse if kinds[0] else None, dense if kinds[1] else None)
    ours = LogisticRegression(strength=2.0, iterations=300).fit(features, classes)
    stacked = np.hstack([part for part in (sparse.toarray() if kinds[0] else None, features[1]) if part is not None])
    theirs = Reference(C=2.0, max_iter=2000, tol=1e-8).fit(stacked, classes)
    assert ours.classes == tuple(theirs.classes_)
    assert ours.probabilities(features) == pytest.approx(theirs.predict_proba(stacked), abs=2e-3)


def test_the_same_rows_give_the_same_answer(world: tuple[sp.csr_matrix, NDArray[np.float32], list[str]]) -> None:
    sparse, dense, classes = world
    one, other = (LogisticRegression().fit((sparse, dense), classes).probabilities((sparse, dense)) for _ in range(2))
    assert (one == other).all()
