"""Errors are for people: every problem at once, with place, value and remedy."""

import pytest

import mapper_domain.errors as errors
from mapper_domain.errors import CatalogError, MapperError, Problem, UnknownDetector


def every_error() -> list[type[MapperError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, MapperError)]
    assert len(found) > 10
    return found


def test_a_catalogue_error_lists_every_problem() -> None:
    problems = [
        Problem("detectors/a.yaml", 3, "PII.SNN", "is not a label.", "Did you mean 'PII.Identifier.SSN'?"),
        Problem("detectors/b.yaml", None, "", "The file is empty."),
    ]
    text = str(CatalogError(problems))
    assert "2 problems" in text
    assert "detectors/a.yaml:3: 'PII.SNN' is not a label. Did you mean 'PII.Identifier.SSN'?" in text
    assert "detectors/b.yaml: The file is empty." in text


def test_an_unknown_detector_names_the_nearest() -> None:
    assert "Nearest known: presidio." in str(UnknownDetector("presidoi", ["presidio"]))


@pytest.mark.parametrize("error", every_error())
def test_every_error_is_in_the_drawn_tree(error: type[MapperError]) -> None:
    assert error.__name__ in (errors.__doc__ or "")
