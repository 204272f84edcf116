"""A short soak: nothing refused, nothing lost, no memory that keeps growing. `make soak` sends twenty times as much."""

import pytest
from serving_app import REPOSITORY

from bench.soak import soak

pytestmark = pytest.mark.slow


def test_after_ten_thousand_requests_every_event_is_there_once_and_memory_is_what_it_was() -> None:
    found = soak(REPOSITORY, 10_000)
    print(f"{found.sent} requests, {found.stored} events, memory {found.growth:+.1%}")
    assert (found.failures, found.stored) == (0, found.sent)
    assert found.growth < 0.15  # a short warm-up leaves allocators something to learn
