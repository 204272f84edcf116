"""API keys in memory: finds whose a key is, and follows the keys file. No HTTP here."""

import hashlib
import hmac
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mapper_domain.tenants import TenantId
from mapper_serving.identity.keys import KEY_PATTERN, KeyFile, KeysUnreadable, StoredTenant, read
from mapper_serving.identity.principal import Principal, Tenant

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key as it is compared: SHA-256 (hex) of all of it, when it ends (seconds since 1970), whose it is."""

    sha256: str
    expires: float
    principal: Principal | None


_NOBODY = _Entry("0" * 64, FOREVER, None)
"""Compared with where there is no such key, so that a wrong id takes as long as a wrong secret."""


class Keyring:
    """The last good content of the keys file. `find` and `tenant` never wait; `refresh` reads.

    Attributes:
        problem: why the file cannot be used as it is now, or empty.
        failures: how often a changed file could not be read.
    """

    def __init__(self, path: Path) -> None:
        self.problem = ""
        self.failures = 0
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._entries: Mapping[str, _Entry] = {}
        self._tenants: Mapping[TenantId, Tenant] = {}
        self.refresh()

    def find(self, key: str) -> Principal | None:
        """Whose key this is, if it is known, whole and not expired."""
        parts = KEY_PATTERN.fullmatch(key)
        if parts is None:
            return None
        entry = self._entries.get(parts.group(1), _NOBODY)
        if not hmac.compare_digest(entry.sha256, hashlib.sha256(key.encode()).hexdigest()):
            return None
        return entry.principal if entry.expires > time.time() else None

    def tenant(self, name: str) -> Tenant | None:
        """The tenant of this id, if the file has it."""
        return self._tenants.get(name)

    def refresh(self) -> None:
        """Read the file again if it has changed; where it cannot be used, what was known stays."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            stamp = (0, 0, 0)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            content = read(self._path)
            tenants = {name: _tenant(name, stored) for name, stored in content.tenants.items()}
            self._entries, self._tenants = _index(content, tenants), tenants
            self.problem = ""
        except KeysUnreadable as error:
            self.problem = str(error)
            self.failures += 1


def _tenant(name: TenantId, stored: StoredTenant) -> Tenant:
    text = stored.hmac_key if stored.hmac_key_env is None else os.environ.get(stored.hmac_key_env, "")
    if not text or not re.fullmatch(r"[0-9a-f]{64}", text):
        raise KeysUnreadable(f"Tenant {name} has no HMAC key of 64 hex digits in {stored.hmac_key_env}.")
    return Tenant(
        id=name,
        environment=stored.environment,
        expected_detectors=stored.expected_detectors,
        conditions=frozenset(f"tenant.scope.{scope}" for scope in stored.scopes),
        hmac_key=bytes.fromhex(text),
    )


def _index(content: KeyFile, tenants: Mapping[TenantId, Tenant]) -> Mapping[str, _Entry]:
    found: dict[str, _Entry] = {}
    for name, stored in content.tenants.items():
        for key in stored.keys:
            if key.id in found:
                raise KeysUnreadable(f"Key {key.id} is listed twice.")
            principal = Principal(tenants[name], key.id, frozenset(key.scopes))
            found[key.id] = _Entry(key.sha256, key.expires.timestamp() if key.expires else FOREVER, principal)
    return found
