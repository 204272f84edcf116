"""The caller of a request, from its headers. What a credential is worth is decided in `keyring` and `tokens`."""

import asyncio
from collections.abc import Iterable

import structlog

from mapper_serving.identity.keyring import Keyring
from mapper_serving.identity.principal import Principal, Tenant
from mapper_serving.identity.tokens import Tokens
from mapper_serving.problems import Code, Refusal

TENANT_HEADERS = frozenset({b"x-tenant-id", b"x-tenant"})
REFRESH_SECONDS = 1.0
Headers = Iterable[tuple[bytes, bytes]]
log = structlog.get_logger(__name__)


class Identity:
    """Finds out who is asking; keeps what it needs for that fresh in the background.

    Attributes:
        keyring: API keys and tenants.
        tokens: access tokens, or None where none are taken.
    """

    def __init__(self, keyring: Keyring, tokens: Tokens | None = None) -> None:
        self.keyring = keyring
        self.tokens = tokens

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps callers from being known, or nothing."""
        found = (self.keyring.problem, self.tokens.keys.problem if self.tokens else "")
        return tuple(problem for problem in found if problem)

    async def authenticate(self, headers: Headers) -> Principal:
        """The caller named by `Authorization: Bearer` or `X-API-Key`. An API key is found without waiting.

        Raises:
            Refusal: `unauthenticated`, whatever is wrong: no credential, several, or not a valid one.
        """
        key, bearer = None, False
        for name, value in headers:
            if name == b"x-api-key":
                named, sent = False, value
            elif name == b"authorization" and value[:7].lower() == b"bearer ":
                named, sent = True, value[7:].strip()
            else:
                continue
            if key is not None:
                raise Refusal(Code.UNAUTHENTICATED, "Send one credential, not several.")
            key, bearer = sent.decode("latin-1"), named
        if key is not None:
            principal = self.keyring.find(key)
            if principal is None and bearer and self.tokens is not None:
                principal = await self.tokens.find(key)
            if principal is not None:
                return principal
        raise Refusal(
            Code.UNAUTHENTICATED, "Send a valid credential as `Authorization: Bearer`, or a key as `X-API-Key`."
        )

    async def run(self, seconds: float = REFRESH_SECONDS) -> None:
        """Follow keys, secrets and the issuer's keys for ever."""
        await asyncio.gather(self._follow_keys(seconds), self._follow_issuer(seconds))

    async def _follow_keys(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await asyncio.to_thread(self.keyring.refresh)
            except Exception as error:  # a key that was revoked must not go on working because of a surprise
                log.error("keys.failed", exc_info=error)

    async def _follow_issuer(self, seconds: float) -> None:
        while self.tokens is not None:
            await self.tokens.keys.refresh()
            await asyncio.sleep(seconds)


def refuse_other_tenant(headers: Headers, tenant: Tenant, named: str | None = None) -> None:
    """Refuse a request whose header or body names a tenant the credential does not belong to.

    Raises:
        Refusal: `tenant-mismatch`.
    """
    others = [value.decode("latin-1") for name, value in headers if name in TENANT_HEADERS]
    if named is not None:
        others.append(named)
    if any(other != tenant.id for other in others):
        raise Refusal(
            Code.TENANT_MISMATCH, "The tenant comes from the credential alone; leave it out or use that tenant's own."
        )
