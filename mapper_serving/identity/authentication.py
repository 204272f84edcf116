"""The caller of a request, from its headers. What a credential is worth is decided in `keyring`."""

import asyncio
from collections.abc import Iterable

from mapper_serving.identity.keyring import Keyring
from mapper_serving.identity.principal import Principal, Tenant
from mapper_serving.problems import Code, Refusal

TENANT_HEADERS = frozenset({b"x-tenant-id", b"x-tenant"})
REFRESH_SECONDS = 1.0
Headers = Iterable[tuple[bytes, bytes]]


class Identity:
    """Finds out who is asking; keeps what it needs for that fresh in the background."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps callers from being known, or nothing."""
        return (self.keyring.problem,) if self.keyring.problem else ()

    async def authenticate(self, headers: Headers) -> Principal:
        """The caller named by `Authorization: Bearer` or `X-API-Key`. An API key is found without waiting.

        Raises:
            Refusal: `unauthenticated`, whatever is wrong: no credential, several, or not a valid one.
        """
        sent = _credentials(headers)
        principal = self.keyring.find(sent[0].decode("latin-1")) if len(sent) == 1 else None
        if principal is None:
            raise Refusal(Code.UNAUTHENTICATED, "Send one valid key, as `Authorization: Bearer <key>` or `X-API-Key`.")
        return principal

    async def run(self, seconds: float = REFRESH_SECONDS) -> None:
        """Look for changed keys for ever."""
        while True:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.keyring.refresh)


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


def _credentials(headers: Headers) -> list[bytes]:
    found = []
    for name, value in headers:
        if name == b"x-api-key":
            found.append(value)
        elif name == b"authorization" and value[:7].lower() == b"bearer ":
            found.append(value[7:].strip())
    return found
