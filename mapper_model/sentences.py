"""The sentence classifier: MiniLM whose upper layers were tuned to the taxonomy, and a linear layer above them.

Reading and scoring only; how it is tuned belongs to the training package. What a question says besides its spelling
is all it knows: `mapper_model.retriever` multiplies it with a classifier of spellings.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import AutoTokenizer

from mapper_domain.errors import ReleaseCorrupt
from mapper_domain.question import Question
from mapper_model.encoder import model_folder, pretrained
from mapper_model.features import spoken

FROZEN = 2
"""Lower layers that stay as they came, as do the word embeddings; the other four are tuned."""

MAX_TOKENS = 64
SCALE = 12.0
"""Length of a sentence's vector before the linear layer; without it a softmax over unit vectors is never sure."""

_BATCH = 64


class SentenceClassifier(nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Scores a fixed number of labels by what a text means.

    Attributes:
        tokenizer: of the encoder.
    """

    def __init__(self, labels: int) -> None:
        """One that knows nothing yet: every label is as probable as any other.

        Args:
            labels: how many are scored.

        Raises:
            EngineError: when the sentence encoder is not installed.
        """
        super().__init__()
        folder = model_folder()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._encoder = pretrained(folder)
        self._head = nn.Linear(self._encoder.config.hidden_size, labels)
        nn.init.zeros_(self._head.weight)
        nn.init.zeros_(self._head.bias)
        for name, parameter in self._encoder.named_parameters():
            parameter.requires_grad = _tuned(name)
        self.eval()

    @classmethod
    def of(cls, tensors: Mapping[str, NDArray[np.float32]], labels: int) -> "SentenceClassifier":
        """The classifier whose tuned parameters these are.

        Raises:
            ReleaseCorrupt: when they are not those of a classifier of so many labels.
            EngineError: when the sentence encoder is not installed.
        """
        found = cls(labels)
        own = dict(found.named_parameters())
        wanted = {name: tuple(own[name].shape) for name in found.tensors()}
        if {name: values.shape for name, values in tensors.items()} != wanted:
            raise ReleaseCorrupt("The sentence classifier does not have the tensors it should have.")
        with torch.no_grad():
            for name, values in tensors.items():
                own[name].copy_(torch.from_numpy(values))
        return found

    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Its tuned parameters by name; the others are the installed encoder's."""
        return {
            name: np.ascontiguousarray(parameter.detach().numpy())
            for name, parameter in self.named_parameters()
            if parameter.requires_grad
        }

    def forward(self, texts: Sequence[str]) -> Tensor:
        """Scores before the softmax, shape (texts, labels)."""
        tokens = self.tokenizer(list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
        states = self._encoder(**tokens).last_hidden_state
        mask = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
        pooled = (states * mask).sum(dim=1) / mask.sum(dim=1)
        scores: Tensor = self._head(nn.functional.normalize(pooled, dim=1) * SCALE)
        return scores

    def head(self) -> list[nn.Parameter]:
        """Parameters of the linear layer, which learn faster than the tuned layers of the encoder."""
        return list(self._head.parameters())

    def score(self, questions: Sequence[Question]) -> NDArray[np.float64]:
        """Natural-log probability of every label for each question, shape (questions, labels)."""
        texts = [sentence(question) for question in questions]
        found = np.zeros((len(texts), self._head.out_features))
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                chosen = order[start : start + _BATCH]
                scores = self([texts[place] for place in chosen])
                found[chosen] = torch.log_softmax(scores.double(), dim=1).numpy()
        return found


def sentence(question: Question) -> str:
    """What the classifier reads of a question: the label's words, and its description's where there is one."""
    label, description = spoken(question)
    return f"{label} : {description}" if description else label


def _tuned(name: str) -> bool:
    return name.startswith("encoder.layer.") and int(name.split(".")[2]) >= FROZEN
