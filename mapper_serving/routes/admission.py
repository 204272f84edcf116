"""Who may come in: limits and credentials, before anything of a request is read."""

from fastapi import Request

from mapper_serving import tracing
from mapper_serving.identity.principal import Principal
from mapper_serving.problems import Code, Refusal
from mapper_serving.rates import Quota, RateLimits
from mapper_serving.responses import put_headers
from mapper_serving.service import Service


async def admit(request: Request) -> Principal:
    """The caller, if it is known and has not asked too often.

    The address is charged first, so that guessing keys is limited too. Behind a proxy it is the one uvicorn takes
    from `X-Forwarded-For`, where the proxy is trusted (`FORWARDED_ALLOW_IPS`).

    Raises:
        Refusal: `rate-limited` or `unauthenticated`.
    """
    with tracing.stage("authenticate"):
        service: Service = request.scope["app"].state.service
        limits = service.rates
        client = request.scope.get("client")
        outside = _charge(request, limits, limits.take(ip=client[0] if client else ""))
        principal = await service.identity.authenticate(request.scope["headers"])
        tracing.note("mapper.tenant", principal.tenant.id)
        inside = _charge(request, limits, limits.take(key=principal.key_id, tenant=principal.tenant.id))
        _tell(request, limits, _nearer(outside, inside))
        return principal


def charge(request: Request, principal: Principal, cost: int) -> None:
    """Spend more of a known caller's quota, for a request that holds several.

    Raises:
        Refusal: `rate-limited`.
    """
    limits = request.scope["app"].state.service.rates
    if cost:
        left = _charge(request, limits, limits.take(cost, key=principal.key_id, tenant=principal.tenant.id))
        _tell(request, limits, left)


def _charge(request: Request, limits: RateLimits, quota: Quota | None) -> Quota | None:
    if quota is None or not quota.wait:
        return quota
    _tell(request, limits, quota)
    wait = int(-(-quota.wait // 1))
    raise Refusal(
        Code.RATE_LIMITED, f"The quota of this {_NAMES[quota.policy]} is spent; wait {wait} s.", retry_after=wait
    )


def _tell(request: Request, limits: RateLimits, quota: Quota | None) -> None:
    if quota is not None:
        put_headers(request.scope, (limits.policy_header, quota.header))


def _nearer(one: Quota | None, other: Quota | None) -> Quota | None:
    if one is None or other is None:
        return one or other
    return one if one.remaining < other.remaining else other


_NAMES = {"ip": "address", "key": "key", "tenant": "tenant"}
