"""Access tokens as RFC 9068 describes them: verified once, then remembered until they expire."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cachetools import LRUCache
from joserfc import jws, jwt
from joserfc.errors import JoseError

from mapper_domain.tenants import TenantId
from mapper_serving.identity.jwks import KeySet
from mapper_serving.identity.principal import SCOPES, Principal, Tenant

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"
]  # no HS*: a shared secret could sign as well as verify
TYPES = frozenset({"at+jwt", "application/at+jwt"})
MAX_LENGTH = 8192
REMEMBERED = 10_000
_PRESENT: jwt.ClaimsOption = {"essential": True}


@dataclass(frozen=True, slots=True)
class Profile:
    """What a token must say.

    Attributes:
        issuer: of `iss`, to the letter.
        audience: this service, as `aud` or one of it.
        algorithms: those that may have signed it.
        leeway_seconds: how far clocks may differ, for `exp`, `nbf` and `iat`.
        tenant_claim: which claim holds the tenant id.
        scope_claim: which claim holds the scopes, as words in one text or as a list.
    """

    issuer: str
    audience: str
    algorithms: Sequence[Algorithm]
    leeway_seconds: int
    tenant_claim: str
    scope_claim: str


@dataclass(frozen=True, slots=True)
class _Verified:
    """Whom a token stands for, until when (seconds since 1970), and by which generation of the issuer's keys."""

    principal: Principal
    ends: float
    generation: int


class Tokens:
    """Whom an access token stands for.

    Args:
        profile: what it must say.
        keys: of the issuer.
        tenant: finds a tenant by id; a token for one that does not exist here is not valid.
    """

    def __init__(self, profile: Profile, keys: KeySet, tenant: Callable[[TenantId], Tenant | None]) -> None:
        self.keys = keys
        self._profile = profile
        self._tenant = tenant
        self._registry = jws.JWSRegistry(algorithms=list(profile.algorithms), strict_check_header=False)
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(time.time()),
            leeway=profile.leeway_seconds,
            iss={"essential": True, "value": profile.issuer},
            aud={"essential": True, "value": profile.audience},
            **dict.fromkeys(("exp", "iat", "sub", "client_id", "jti", profile.tenant_claim), _PRESENT),
        )
        self._seen: LRUCache[bytes, _Verified] = LRUCache(REMEMBERED)

    async def find(self, token: str) -> Principal | None:
        """The caller a valid token stands for; waits only for keys nobody has fetched yet."""
        digest = hashlib.sha256(token.encode()).digest()
        verified = self._seen.get(digest)
        if verified is None or verified.generation != self.keys.generation:
            verified = await self._verify(token)
            if verified is None:
                return None
            self._seen[digest] = verified
        if verified.ends <= time.time():
            return None
        principal = verified.principal
        tenant = self._tenant(principal.tenant.id)
        if tenant is principal.tenant:
            return principal
        return None if tenant is None else replace(principal, tenant=tenant)

    async def _verify(self, token: str) -> _Verified | None:
        if len(token) > MAX_LENGTH:
            return None
        try:
            header = jws.extract_compact(token.encode(), registry=self._registry).headers()
            if str(header.get("typ")).lower() not in TYPES:
                return None
            key = await self.keys.key(str(header.get("kid")))
            if key is None:
                return None
            claims = jwt.decode(token, key, registry=self._registry).claims
            self._claims.validate(claims)
            return self._meant(claims)
        except (JoseError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
            return None

    def _meant(self, claims: jwt.Claims) -> _Verified | None:
        tenant = self._tenant(str(claims[self._profile.tenant_claim]))
        if tenant is None:
            return None
        said = claims.get(self._profile.scope_claim)
        words = said.split() if isinstance(said, str) else said if isinstance(said, list) else ()
        client = f"{claims['client_id']}\n{claims['sub']}"
        principal = Principal(
            tenant=tenant,
            key_id=f"jwt-{hashlib.sha256(client.encode()).hexdigest()[:12]}",
            scopes=frozenset(scope for scope in SCOPES if scope in words),
        )
        return _Verified(principal, claims["exp"] + self._profile.leeway_seconds, self.keys.generation)
