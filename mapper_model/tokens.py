"""Token ids of questions and answers: the one place trainer, scorer and tests get them from.

Prompt and answer are tokenised apart and their ids joined, so no token ever spans the seam and the
sequence a model was trained on is exactly the sequence that is scored.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mapper_domain import prompt


class Tokens:
    """The tokenizer of one base model.

    Attributes:
        tokenizer: the transformers tokenizer itself, for trainers that want one.
        end: id of the end-of-text token every answer ends with.
    """

    def __init__(self, base: Path) -> None:
        from transformers import AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(base)
        self.end: int = self.tokenizer.eos_token_id

    def question(self, question: str) -> list[int]:
        """Ids of a rendered question, with the model's own beginning-of-text token where it has one."""
        return list(self.tokenizer.encode(prompt.prompt(question)))

    def parted(self, question: str) -> tuple[list[int], list[int]]:
        """The same in two parts: what other questions about this detector begin with too, and the rest.

        The first part is empty where the tokenizer joins the two.
        """
        whole = self.question(question)
        beginning = list(self.tokenizer.encode(prompt.beginning(question))) if prompt.beginning(question) else []
        end = len(beginning)
        return (beginning, whole[end:]) if end < len(whole) and whole[:end] == beginning else ([], whole)

    def answer(self, labels: Sequence[str]) -> list[int]:
        """Ids of the answer that names these labels, with the end-of-text token."""
        return self.text(prompt.answer(labels))

    def text(self, answer: str) -> list[int]:
        """Ids of an answer already written out, with the end-of-text token."""
        return [*self.tokenizer.encode(answer, add_special_tokens=False), self.end]
