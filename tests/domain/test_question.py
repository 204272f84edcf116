"""A question reads the same wherever it is asked."""

import pytest

from mapper_domain.question import Question

FULL = Question(detector="presidio", label="US_SSN", kind="pii", field="input", description="a tax number")


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (FULL, "Map to the taxonomy. Detector: presidio (pii), Field: input, Output: US_SSN, Meaning: a tax number"),
        (FULL.brief, "Map to the taxonomy. Detector: presidio, Field: input, Output: US_SSN"),
        (Question(detector="x", label="two\nlines"), "Map to the taxonomy. Detector: x, Output: two lines"),
    ],
)
def test_instruction(question: Question, text: str) -> None:
    assert question.instruction == text


def test_equal_questions_are_one_key() -> None:
    assert {FULL: 1}[Question(**FULL.model_dump())] == 1
    assert FULL.brief != FULL
