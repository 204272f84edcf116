import numpy as np
import pytest

from mapper_model.encoder import SentenceEncoder


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder.installed()


def test_vectors_have_length_one(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(["social security number", "x", "", "credit card"])
    assert vectors.shape == (4, encoder.size)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_no_texts_give_no_vectors(encoder: SentenceEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.size)


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("email address", "e-mail", "violent threat"),
        ("hate speech", "racist insult", "bank account number"),
        ("date of birth", "birthday", "malware"),
    ],
)
def test_related_words_are_nearer_than_unrelated_ones(encoder: SentenceEncoder, text: str, near: str, far: str) -> None:
    query, related, unrelated = encoder.encode([text, near, far])
    assert query @ related > query @ unrelated


def test_a_text_gets_the_same_vector_whatever_it_is_batched_with(encoder: SentenceEncoder) -> None:
    alone = encoder.encode(["ssn"])[0]
    among = encoder.encode(["a much longer text about something else entirely", "ssn"], batch=2)[1]
    assert among == pytest.approx(alone, abs=1e-5)
