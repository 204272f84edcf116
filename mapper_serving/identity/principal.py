"""Who a credential stands for: a tenant, and what the credential may do there. How it was proved is elsewhere."""

import hmac
from dataclasses import dataclass
from typing import Final, Literal, get_args

from pydantic import Field

from mapper_domain.events import Environment
from mapper_domain.tenants import TenantId
from mapper_domain.value import Value
from mapper_serving.problems import Code, Refusal

Scope = Literal["map:write", "reports:read", "admin"]
"""What a credential may do: map and propose; read reports and events; act on the service itself.

None holds another: an `admin` key maps nothing unless it has `map:write` too.
"""
SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
DEFAULT_SCOPES: Final[tuple[Scope, ...]] = ("map:write",)
"""Of a key whose entry names none, as entries from before there were scopes do."""


class Tenant(Value):
    """Who is asking, as the credential says. `conditions` are in the words of framework mappings."""

    id: TenantId
    environment: Environment
    expected_detectors: tuple[str, ...]
    conditions: frozenset[str]
    hmac_key: bytes = Field(repr=False)

    def hash(self, label: str) -> str:
        """HMAC-SHA-256 (hex, RFC 2104) of a label that may not be stored: comparable within this tenant only."""
        return hmac.digest(self.hmac_key, label.encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller.

    Attributes:
        tenant: the only one it may touch.
        key_id: names the credential in limits and logs; says nothing about its secret.
        scopes: what it may do.
    """

    tenant: Tenant
    key_id: str
    scopes: frozenset[Scope]

    def require(self, scope: Scope) -> None:
        """Return if the credential may do this.

        Raises:
            Refusal: `insufficient-scope`.
        """
        if scope not in self.scopes:
            raise Refusal(Code.INSUFFICIENT_SCOPE, f"This needs a credential with the scope {scope}.")
