"""Embeddings are computed once, within a run and between runs."""

from pathlib import Path

import numpy as np
import pytest

from mapper_assets.training.embeddings import Remembering


class Counting:
    """An encoder of lengths that notes what it was asked.

    Attributes:
        asked: every text, in order.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts):
        self.asked += texts
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32).reshape(len(texts), 2)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "embeddings" / "sentences.safetensors"


def test_a_text_is_encoded_once_and_given_in_the_order_asked(store):
    counting = Counting()
    remembering = Remembering(counting, store)
    assert remembering.encode(["card", "iban", "card"]).tolist() == [[4, 1], [4, 1], [4, 1]]
    assert remembering.encode(["passport", "card"]).tolist() == [[8, 1], [4, 1]]
    assert counting.asked == ["card", "iban", "passport"]


def test_what_an_earlier_run_encoded_is_not_encoded_again(store):
    Remembering(Counting(), store).encode(["card", "große straße"])
    counting = Counting()
    assert Remembering(counting, store).encode(["große straße"]).tolist() == [[12, 1]]
    assert not counting.asked


@pytest.mark.parametrize("content", [b"", b"not a store", b"\x08\x00\x00\x00\x00\x00\x00\x00{}"])
def test_a_damaged_store_is_written_anew(store, content):
    store.parent.mkdir()
    store.write_bytes(content)
    assert Remembering(Counting(), store).encode(["card"]).tolist() == [[4, 1]]
    counting = Counting()
    Remembering(counting, store).encode(["card"])
    assert not counting.asked


def test_no_text_is_no_row(store):
    assert Remembering(Counting(), store).encode([]).shape == (0, 2)
