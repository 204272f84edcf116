"""What is kept out of the garbage collector's rounds, and that nothing is lost by it."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from mapper_serving import garbage


class Knot:
    """Holds itself, so that only a round of the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    """Leave the collector as it was."""
    yield
    gc.unfreeze()


def test_what_is_held_is_left_out_of_later_rounds() -> None:
    knot = Knot()
    garbage.settle()
    seen = weakref.ref(knot)
    del knot
    gc.collect()
    assert seen() is not None


def test_what_was_let_go_since_is_freed_the_next_time() -> None:
    knot = Knot()
    garbage.settle()
    seen = weakref.ref(knot)
    del knot
    garbage.settle()
    assert seen() is None
