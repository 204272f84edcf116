"""Which release answers what: one frozen object, replaced as a whole, held by a request until it is answered."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from pydantic import JsonValue

from mapper_domain.errors import PayloadError
from mapper_domain.payloads import findings
from mapper_serving.state import Serving

Role = Literal["stable", "canary", "shadow"]


@dataclass(frozen=True)
class Routing:
    """The releases in service at one moment.

    Attributes:
        stable: answers whatever the canary does not.
        canary: answers its share, if there is one.
        share: of the canary, from 0 to 1.
        shadow: asked after the reply, if there is one.
        shadow_share: of the shadow, from 0 to 1.
    """

    stable: Serving
    canary: Serving | None = None
    share: float = 0.0
    shadow: Serving | None = None
    shadow_share: float = 0.0

    @cached_property
    def roles(self) -> dict[Role, Serving]:
        """Every release in service, by its role."""
        roles: dict[Role, Serving | None] = {"stable": self.stable, "canary": self.canary, "shadow": self.shadow}
        return {role: serving for role, serving in roles.items() if serving is not None}

    @cached_property
    def servings(self) -> frozenset[Serving]:
        """The same without their roles."""
        return frozenset(self.roles.values())

    def choose(self, tenant: str, detector: str, label: str) -> Serving:
        """Who answers: always the same one for the same three, on every replica, until the share changes."""
        if self.canary is not None and _point("canary", self.canary, tenant, detector, label) < self.share:
            return self.canary
        return self.stable

    def shadows(self, tenant: str, detector: str, label: str) -> Serving | None:
        """The shadow, if it is asked about these three as well."""
        if self.shadow is not None and _point("shadow", self.shadow, tenant, detector, label) < self.shadow_share:
            return self.shadow
        return None


def label_of(output: JsonValue, detector: str, serving: Serving) -> str:
    """What an output says, as routing reads it: its labels in order, empty where it cannot be read."""
    known = serving.catalog.by_name.get(detector)
    try:
        found = findings(output, known.native if known else None)
    except PayloadError:
        return ""
    return "\0".join(sorted({finding.label for finding in found}))


def _point(role: Role, serving: Serving, tenant: str, detector: str, label: str) -> float:
    """A place from 0 to 1 for these three. Keyed by the release, so that no tenant has every canary first."""
    key = serving.versions.release.encode()[: hashlib.blake2b.MAX_KEY_SIZE]
    said = "\0".join((tenant, detector, label)).encode()
    digest = hashlib.blake2b(said, digest_size=8, key=key, person=role.encode()).digest()
    return int.from_bytes(digest) / 2**64
