from functools import cached_property

import pytest
from pydantic import ValidationError

from mapper_domain.catalog import Catalog
from mapper_domain.value import Value


class Word(Value):
    text: str

    @cached_property
    def length(self) -> int:
        return len(self.text)


def test_a_value_cannot_be_changed() -> None:
    word = Word(text="a")
    with pytest.raises(ValidationError):
        word.text = "b"  # type: ignore[misc]


def test_a_value_takes_no_field_nobody_declared() -> None:
    with pytest.raises(ValidationError):
        Word.model_validate({"text": "a", "more": 1})


def test_a_changed_copy_computes_afresh() -> None:
    word = Word(text="a")
    assert word.length == 1
    assert word.model_copy(update={"text": "abc"}).length == 3
    assert word.length == 1


def test_a_catalogue_forgets_a_detector_it_has_looked_up_before(small_catalog: Catalog) -> None:
    assert "first" in small_catalog.by_name
    rest = small_catalog.without(["first"])
    assert "first" not in rest.by_name
    assert rest.sha256 != small_catalog.sha256
