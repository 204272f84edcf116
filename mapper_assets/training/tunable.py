"""The sentence classifier as torch tunes it; what is tuned here is scored without torch (`mapper_model.sentences`)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from transformers import AutoTokenizer

from mapper_model.encoder import pretrained
from mapper_model.minilm import Array, model_folder
from mapper_model.sentences import MAX_TOKENS, SCALE, is_tuned


class TunableClassifier(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Scores a fixed number of labels, and can be taught to."""

    def __init__(self, labels: int) -> None:
        """One that knows nothing yet: every label is as probable as any other.

        Args:
            labels: how many are scored.

        Raises:
            EngineError: when the sentence encoder is not installed.
        """
        super().__init__()
        folder = model_folder()
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._encoder = pretrained(folder)
        self._head = nn.Linear(self._encoder.config.hidden_size, labels)
        nn.init.zeros_(self._head.weight)
        nn.init.zeros_(self._head.bias)
        for name, parameter in self._encoder.named_parameters():
            parameter.requires_grad = is_tuned(name)
        self.eval()

    def tensors(self) -> dict[str, Array]:
        """Its tuned parameters by name; the others are the installed encoder's."""
        return {
            name: np.ascontiguousarray(parameter.detach().numpy())
            for name, parameter in self.named_parameters()
            if parameter.requires_grad
        }

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Scores before the softmax, shape (texts, labels)."""
        tokens = self._tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        states = self._encoder(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
        pooled = (states * mask).sum(dim=1) / mask.sum(dim=1)
        scores: Tensor = self._head(nn.functional.normalize(pooled, dim=1) * SCALE)
        return scores

    def head(self) -> list[nn.Parameter]:
        """Parameters of the linear layer, which learn faster than the tuned layers of the encoder."""
        return list(self._head.parameters())
