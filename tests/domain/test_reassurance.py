"""What a model may call safe: only what says so itself."""

import pytest

from mapper_domain.reassurance import denies, reassures


@pytest.mark.parametrize(
    "label", ["safe", "SAFE_CONTENT", "isBenign", "pass", "not_toxic", "non-hate", "toxicity free", "unharmful", "none"]
)
def test_a_label_that_says_all_is_well_reassures(label):
    assert reassures(label)


@pytest.mark.parametrize(
    "label",
    ["FactualConsistency", "No Harassment", "no_hate_speech", "not safe", "unsafe", "NotBenign", "ALL", "QUANTITY", ""],
)
def test_a_harm_a_policy_and_a_label_about_something_else_do_not(label):
    assert not reassures(label)


def test_the_description_may_say_it_for_the_label():
    assert reassures("LABEL_0", "the text is benign")
    assert not reassures("LABEL_1", "the text is an attack")


@pytest.mark.parametrize(("label", "expected"), [("No Harassment", True), ("not_toxic", True), ("COMPASSION", False)])
def test_a_label_denies_by_a_word_of_its_own(label, expected):
    assert denies(label) is expected
