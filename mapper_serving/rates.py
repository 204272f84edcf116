"""How often somebody may ask: the generic cell rate algorithm, one number a caller. No HTTP here but two headers.

A caller may spend a whole window's quota at once, and gets it back evenly. The state of a caller is the moment at which
all of it is back (the theoretical arrival time of ITU-T I.371); a caller whose moment has passed needs no state.
Counts are this process's own: workers and replicas do not share them.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

MOST_CALLERS = 100_000
ROUNDING = 1e-9
POLICY_HEADER = b"ratelimit-policy"
LIMIT_HEADER = b"ratelimit"


class Quota(NamedTuple):
    """What a caller has left.

    Attributes:
        policy: the limit that is nearest.
        remaining: requests that would be let through now.
        reset: seconds until the whole quota is back.
        wait: seconds after which what was asked for would be let through; 0 when it was.
    """

    policy: str
    remaining: int
    reset: float
    wait: float = 0.0

    @property
    def header(self) -> tuple[bytes, bytes]:
        """`RateLimit` (draft-ietf-httpapi-ratelimit-headers-11)."""
        return LIMIT_HEADER, b'"%b";r=%d;t=%d' % (self.policy.encode(), self.remaining, -(-self.reset // 1))


class _Policy:
    """One limit, and where its callers stand."""

    __slots__ = ("full_at", "name", "quota", "seconds")

    def __init__(self, name: str, quota: int, window: int) -> None:
        self.name = name
        self.quota = quota
        self.seconds = window / quota
        self.full_at: dict[str, float] = {}

    def left(self, room: float) -> int:
        """Whole requests that fit into so many seconds of the window."""
        return int(room / self.seconds + 1e-6)

    def sweep(self, now: float, most: int) -> None:
        """Forget callers whose quota is whole; if most are busy, those who were seen first."""
        self.full_at = {caller: moment for caller, moment in self.full_at.items() if moment > now}
        for caller in list(self.full_at)[: max(0, len(self.full_at) - most // 2)]:
            del self.full_at[caller]


class RateLimits:
    """Quotas of requests for some time window, by policy: API key, tenant, address.

    Used by one thread.

    Attributes:
        policy_header: `RateLimit-Policy` (same draft), the same on every answer.
    """

    def __init__(
        self,
        quotas: Mapping[str, int],
        window: int,
        *,
        most_callers: int = MOST_CALLERS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Limits.

        Args:
            quotas: requests of one window, by policy; 0 for no limit.
            window: seconds.
            most_callers: whose state is kept at once, for each policy.
            clock: never goes back.
        """
        self._policies = {name: _Policy(name, quota, window) for name, quota in quotas.items() if quota}
        self._window = float(window)
        self._most_callers = most_callers
        self._clock = clock
        told = ",".join(f'"{policy.name}";q={policy.quota};w={window}' for policy in self._policies.values())
        self.policy_header = (POLICY_HEADER, told.encode())

    @property
    def callers(self) -> int:
        """Callers whose state is kept."""
        return sum(len(policy.full_at) for policy in self._policies.values())

    def take(self, cost: int = 1, **callers: str) -> Quota | None:
        """Spend from all of these callers' quotas, or from none if one has too little.

        Args:
            cost: requests to spend; more than a whole quota counts as a whole quota.
            callers: who asks, by policy.

        Returns:
            What is left of the quota with least left; None where no policy limits any of them.
        """
        now = self._clock()
        end = now + self._window
        nearest: Quota | None = None
        spent = []
        for name, caller in callers.items():
            policy = self._policies.get(name)
            if policy is None:
                continue
            before = policy.full_at.get(caller, now)
            if before < now:
                before = now
            after = before + min(cost, policy.quota) * policy.seconds
            if after - end > ROUNDING:
                return Quota(name, policy.left(end - before), before - now, after - end)
            spent.append((policy, caller, after))
            left = policy.left(end - after)
            if nearest is None or left < nearest.remaining:
                nearest = Quota(name, left, after - now)
        for policy, caller, after in spent:
            policy.full_at[caller] = after
            if len(policy.full_at) > self._most_callers:
                policy.sweep(now, self._most_callers)
        return nearest
