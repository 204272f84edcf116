"""The sentence encoder of retriever and rivals: short texts to unit vectors, offline, with plain transformers.

Only the encoder. What is nearest to what, and any classifier on top, belongs to whoever compares.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging

from mapper_model.minilm import model_folder

MAX_TOKENS = 128


def pretrained(folder: Path) -> Any:
    """The model in a folder, in float32; a service's log has no place for a progress bar."""
    logging.disable_progress_bar()
    return AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32)


class SentenceEncoder:
    """MiniLM sentence embeddings (Reimers and Gurevych 2019, arXiv 1908.10084): mean pooling, then L2 norm 1."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = pretrained(folder).eval()
        self.size: int = self._model.config.hidden_size

    @classmethod
    def installed(cls) -> "SentenceEncoder":
        """The encoder of the installed package.

        Raises:
            EngineError: when it is not installed.
        """
        return cls(model_folder())

    def encode(self, texts: Sequence[str], *, batch: int = 64) -> NDArray[np.float32]:
        """One unit vector a text, shape (texts, `size`), in the order of the texts.

        Texts are encoded in batches of similar length, cut at 128 word pieces.
        """
        vectors = np.zeros((len(texts), self.size), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            vectors[chosen] = self._encode_batch([texts[i] for i in chosen])
        return vectors

    def _encode_batch(self, texts: list[str]) -> NDArray[np.float32]:
        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        with torch.inference_mode():
            states = self._model(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
        pooled = (states * mask).sum(dim=1) / mask.sum(dim=1)
        normed: NDArray[np.float32] = torch.nn.functional.normalize(pooled, dim=1).numpy()
        return normed
