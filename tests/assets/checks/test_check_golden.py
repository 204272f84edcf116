"""The golden set is usable, and large enough for every detector that can give so many cases."""

import pytest

from mapper_assets.checks.golden import case_problems, count_problems
from mapper_assets.training.golden import GoldenCase


def case(label="toxic", expected=("HARM.A",), field=None):
    return GoldenCase(
        id=label,
        detector="d",
        label=label,
        field=field,
        kind="",
        expected=expected,
        relation="any",
        split="seen",
        gated=True,
    )


def test_cases_with_known_labels_and_different_keys_pass():
    assert case_problems([case(), case("rude"), case(field="category")], {"HARM.A"}) == []


def test_a_case_that_expects_a_label_nobody_has_is_found():
    (problem,) = case_problems([case(expected=("HARM.A", "HARM.X"))], {"HARM.A"})
    assert "d/toxic expects HARM.X" in problem


def test_a_case_written_twice_is_found():
    assert case_problems([case(), case()], {"HARM.A"}) == ["d/toxic is there twice."]


@pytest.mark.parametrize(
    ("count", "possible", "problems"),
    [(100, 100, 0), (100, 400, 0), (99, 400, 1), (42, 42, 0), (41, 42, 1), (0, 42, 1)],
)
def test_a_detector_needs_a_hundred_cases_or_all_that_can_be_had(count, possible, problems):
    counts = {"d": count} if count else {}
    assert len(count_problems(counts, {"d": possible}, 100)) == problems
