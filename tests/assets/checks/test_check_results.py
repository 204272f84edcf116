"""A check passes on no finding, lists what it found, and is a failure when it cannot be carried out."""

import pytest

from mapper_assets.checks.results import SHOWN, found, or_fails
from mapper_domain.errors import MapperError


def test_nothing_found_passes():
    assert found([]).passed


def test_everything_found_is_counted_and_a_page_of_it_listed():
    result = found([f"problem {number}" for number in range(SHOWN + 7)])
    assert not result.passed
    assert result.metadata["problems"].value == SHOWN + 7
    assert result.description.splitlines()[0] == "- problem 0"
    assert result.description.splitlines()[-1] == "- and 7 more"


def test_notes_are_listed_after_the_problems_and_fail_nothing():
    noted = found([], notes=["a form teaches nothing"])
    assert noted.passed
    assert noted.metadata["problems"].value == 0
    assert noted.description == "- Note: a form teaches nothing"
    assert found(["broken"], notes=["aside"]).description.splitlines() == ["- broken", "- Note: aside"]


def test_a_page_of_notes_is_listed():
    assert found([], notes=range(SHOWN + 7)).description.splitlines()[-1] == "- and 7 more"


@pytest.mark.parametrize(
    "error", [MapperError("no adapter"), FileNotFoundError("no adapter"), ValueError("no adapter")]
)
def test_a_check_that_cannot_be_carried_out_fails_and_says_why(error):
    @or_fails
    def check():
        raise error

    result = check()
    assert not result.passed
    assert "no adapter" in result.description


def test_a_mistake_in_a_check_is_not_taken_for_a_finding():
    @or_fails
    def check():
        raise AttributeError("a bug")

    with pytest.raises(AttributeError):
        check()
