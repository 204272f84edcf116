"""Sentence embeddings that are computed once: the rivals of all folds read the same tens of thousands of texts.

Kept on disk between runs, so that an edited YAML costs the embeddings of its new words only.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

TEXTS, VECTORS = "texts", "vectors"


class Encoder(Protocol):
    """Anything that turns texts into unit vectors (`mapper_model.encoder.SentenceEncoder`)."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        ...


class Remembering:
    """An encoder that encodes a text once, however many ask.

    Args:
        encoder: what it asks about new texts.
        store: a file to remember them in between runs; one that is missing or damaged is written anew.
    """

    def __init__(self, encoder: Encoder, store: Path | None = None) -> None:
        self._encoder, self._store = encoder, store
        self._vectors = _read(store) if store else {}

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row a text."""
        if new := [text for text in dict.fromkeys(texts) if text not in self._vectors]:
            self._vectors.update(zip(new, self._encoder.encode(new), strict=True))
            if self._store:
                _write(self._store, self._vectors)
        return np.stack([self._vectors[text] for text in texts]) if texts else self._encoder.encode([])


def _read(store: Path) -> dict[str, NDArray[np.float32]]:
    try:
        stored = load_file(store)
        texts, vectors = stored[TEXTS].tobytes().decode().split("\n"), stored[VECTORS]
    except (OSError, SafetensorError, KeyError):
        return {}
    return dict(zip(texts, vectors, strict=True))


def _write(store: Path, vectors: dict[str, NDArray[np.float32]]) -> None:
    """Texts hold no line breaks: whatever is read here was split into words before."""
    store.parent.mkdir(parents=True, exist_ok=True)
    partial = store.with_suffix(".partial")
    texts = np.frombuffer("\n".join(vectors).encode(), dtype=np.uint8)
    save_file({TEXTS: texts, VECTORS: np.stack(list(vectors.values()))}, partial)
    partial.replace(store)
