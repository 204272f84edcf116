"""Rate limits: a window's quota at once, then evenly back; nothing spent by who is refused; no state without end."""

from dataclasses import dataclass

import pytest

from mapper_serving.rates import RateLimits


@dataclass
class Clock:
    """Stands still until told otherwise."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_whole_quota_may_be_spent_at_once_and_not_one_request_more(clock: Clock) -> None:
    limits = RateLimits({"key": 3}, 60, clock=clock)
    left = [limits.take(key="a") for _ in range(4)]
    assert [(quota.remaining, quota.wait > 0) for quota in left if quota] == [
        (2, False),
        (1, False),
        (0, False),
        (0, True),
    ]
    assert left[-1] is not None
    assert left[-1].wait == pytest.approx(20.0)


def test_the_quota_comes_back_evenly_and_the_wait_that_was_told_is_enough(clock: Clock) -> None:
    limits = RateLimits({"key": 3}, 60, clock=clock)
    for _ in range(3):
        limits.take(key="a")
    refused = limits.take(key="a")
    assert refused is not None
    clock.now += refused.wait - 0.01
    assert limits.take(key="a").wait > 0  # type: ignore[union-attr]
    clock.now += 0.02
    assert limits.take(key="a").wait == 0  # type: ignore[union-attr]
    clock.now += 60
    assert limits.take(key="a").remaining == 2  # type: ignore[union-attr]


def test_callers_do_not_share_quotas_and_policies_do_not_either(clock: Clock) -> None:
    limits = RateLimits({"key": 1, "tenant": 2}, 60, clock=clock)
    assert limits.take(key="a", tenant="t").wait == 0  # type: ignore[union-attr]
    assert limits.take(key="b", tenant="t").wait == 0  # type: ignore[union-attr]
    third = limits.take(key="c", tenant="t")
    assert third is not None
    assert (third.policy, third.wait > 0) == ("tenant", True)


def test_a_refused_request_spends_nothing_of_any_quota(clock: Clock) -> None:
    limits = RateLimits({"key": 5, "tenant": 1}, 60, clock=clock)
    limits.take(key="a", tenant="t")
    for _ in range(10):
        limits.take(key="a", tenant="t")
    assert limits.take(key="a").remaining == 3  # type: ignore[union-attr]


def test_the_nearest_limit_is_told(clock: Clock) -> None:
    limits = RateLimits({"key": 10, "tenant": 3}, 60, clock=clock)
    quota = limits.take(key="a", tenant="t")
    assert quota is not None
    assert quota.header == (b"ratelimit", b'"tenant";r=2;t=20')
    assert limits.policy_header == (b"ratelimit-policy", b'"key";q=10;w=60,"tenant";q=3;w=60')


def test_a_batch_spends_its_items_and_one_larger_than_the_quota_waits_for_a_whole_one(clock: Clock) -> None:
    limits = RateLimits({"key": 100}, 60, clock=clock)
    assert limits.take(40, key="a").remaining == 60  # type: ignore[union-attr]
    assert limits.take(1000, key="a").wait == pytest.approx(24.0)  # type: ignore[union-attr]
    clock.now += 24
    assert limits.take(1000, key="a").wait == 0  # type: ignore[union-attr]


def test_without_a_limit_nothing_is_told(clock: Clock) -> None:
    assert RateLimits({"key": 0, "ip": 0}, 60, clock=clock).take(key="a", ip="b", tenant="c") is None


def test_callers_whose_quota_is_whole_again_are_forgotten_first(clock: Clock) -> None:
    limits = RateLimits({"ip": 10}, 60, most_callers=100, clock=clock)
    for _ in range(10):
        limits.take(ip="busy")
    for number in range(99):
        limits.take(ip=f"once {number}")
    clock.now += 50
    limits.take(ip="one more")
    assert limits.callers == 2
    assert limits.take(9, ip="busy").wait > 0  # type: ignore[union-attr]


def test_callers_who_come_all_at_once_do_not_fill_the_memory(clock: Clock) -> None:
    limits = RateLimits({"ip": 10}, 60, most_callers=100, clock=clock)
    for number in range(1000):
        limits.take(ip=f"address {number}")
    assert limits.callers <= 100
