"""How often somebody may ask: the generic cell rate algorithm, one number a caller. No HTTP here but two headers.

A caller may spend a whole window's quota at once, and gets it back evenly. The state of a caller is the moment at which
all of it is back (the theoretical arrival time of ITU-T I.371); a caller whose moment has passed needs no state.
Counts are this process's own: workers and replicas do not share them.
"""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

MOST_CALLERS = 100_000
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
            most_callers: whose state is kept at once.
            clock: never goes back.
        """
        self._quotas = {policy: quota for policy, quota in quotas.items() if quota}
        self._window = float(window)
        self._most_callers = most_callers
        self._clock = clock
        self._full_at: dict[tuple[str, str], float] = {}
        policies = ",".join(f'"{policy}";q={quota};w={window}' for policy, quota in self._quotas.items())
        self.policy_header = (POLICY_HEADER, policies.encode())

    @property
    def callers(self) -> int:
        """Callers whose state is kept."""
        return len(self._full_at)

    def take(self, cost: int = 1, **callers: str) -> Quota | None:
        """Spend from all of these callers' quotas, or from none if one has too little.

        Args:
            cost: requests to spend; more than a whole quota counts as a whole quota.
            callers: who asks, by policy.

        Returns:
            What is left of the quota with least left; None where no policy limits any of them.
        """
        now = self._clock()
        spent: dict[tuple[str, str], float] = {}
        nearest: Quota | None = None
        for policy, caller in callers.items():
            quota = self._quotas.get(policy)
            if quota is None:
                continue
            place = (policy, caller)
            before = max(self._full_at.get(place, now), now)
            after = before + min(cost, quota) * self._window / quota
            wait = after - now - self._window
            if wait > 1e-9:
                left = int((now + self._window - before) * quota / self._window + 1e-6)
                return Quota(policy, left, before - now, wait)
            spent[place] = after
            left = int((now + self._window - after) * quota / self._window + 1e-6)
            if nearest is None or left < nearest.remaining:
                nearest = Quota(policy, left, after - now)
        self._full_at.update(spent)
        if len(self._full_at) > self._most_callers:
            self._sweep(now)
        return nearest

    def _sweep(self, now: float) -> None:
        """Forget callers whose quota is whole; if all are busy, those who were seen first."""
        self._full_at = {place: moment for place, moment in self._full_at.items() if moment > now}
        for place in list(self._full_at)[: max(0, len(self._full_at) - self._most_callers // 2)]:
            del self._full_at[place]
