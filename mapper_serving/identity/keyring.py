"""API keys in memory: finds whose a key is, and follows the keys file and the secrets it refers to. No HTTP here."""

import hashlib
import hmac
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mapper_domain.tenants import TenantId
from mapper_serving.identity.keys import KEY_PATTERN, KeyFile, KeysUnreadable, StoredTenant, read
from mapper_serving.identity.principal import Principal, Tenant
from mapper_serving.secrets.references import SecretUnavailable
from mapper_serving.secrets.store import Secrets

FOREVER = float("inf")
_HMAC_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class _Entry:
    """A key as it is compared: SHA-256 (hex) of all of it, when it ends (seconds since 1970), whose it is."""

    sha256: str
    expires: float
    principal: Principal | None


_NOBODY = _Entry("0" * 64, FOREVER, None)
"""Compared with where there is no such key, so that a wrong id takes as long as a wrong secret."""


class Keyring:
    """The last good content of the keys file. `refresh` reads, and may wait; `find` only where a new key needs it.

    Attributes:
        problem: what of the file cannot be used as it is now, or empty.
        failures: how often a changed file could not be used.
    """

    def __init__(self, path: Path, secrets: Secrets) -> None:
        self.problem = ""
        self.failures = 0
        self._path = path
        self._secrets = secrets
        self._stamp: tuple[int, int, int] | None = None
        self._content = KeyFile()
        self._unreadable = ""
        self._built: tuple[KeyFile, Mapping[TenantId, str]] | None = None
        self._entries: Mapping[str, _Entry] = {}
        self._tenants: Mapping[TenantId, Tenant] = {}
        self.refresh()

    def find(self, key: str) -> Principal | None:
        """Whose key this is, if it is known, whole and not expired.

        A key nobody knows may have been issued a moment ago: where the file changed since, it is read first.
        """
        parts = KEY_PATTERN.fullmatch(key)
        if parts is None:
            return None
        if parts.group(1) not in self._entries and self._stamp != self._status():
            self.refresh()
        entry = self._entries.get(parts.group(1), _NOBODY)
        if not hmac.compare_digest(entry.sha256, hashlib.sha256(key.encode()).hexdigest()):
            return None
        return entry.principal if entry.expires > time.time() else None

    def tenant(self, name: str) -> Tenant | None:
        """The tenant of this id, if the file has it."""
        return self._tenants.get(name)

    def refresh(self) -> None:
        """Take over what changed in the file and in its secrets; where something cannot be used, the last good stays.

        A tenant whose secret was never readable is left out, so that it cannot hold up the others' changes.
        """
        self._read_if_changed()
        problems = [self._unreadable] if self._unreadable else []
        hmac_keys: dict[TenantId, str] = {}
        for name, stored in self._content.tenants.items():
            try:
                hmac_keys[name] = self._hmac_key(stored)
            except SecretUnavailable as error:
                if self._built is not None and name in self._built[1]:
                    hmac_keys[name] = self._built[1][name]
                problems.append(f"Tenant {name} has no HMAC key of 64 hex digits: {error}")
        if self._built is None or self._built[0] is not self._content or self._built[1] != hmac_keys:
            self._build(hmac_keys)
        problem = " ".join(problems)
        if problem and problem != self.problem:
            self.failures += 1
        self.problem = problem

    def _status(self) -> tuple[int, int, int]:
        try:
            status = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (status.st_mtime_ns, status.st_size, status.st_ino)

    def _read_if_changed(self) -> None:
        stamp = self._status()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._content, self._unreadable = read(self._path), ""
        except KeysUnreadable as error:
            self._unreadable = str(error)

    def _hmac_key(self, stored: StoredTenant) -> str:
        if stored.hmac_key is not None:
            return stored.hmac_key
        reference = stored.hmac_key_ref or f"env:{stored.hmac_key_env}"
        text = self._secrets.get(reference)
        if not _HMAC_KEY.fullmatch(text):
            raise SecretUnavailable(f"{reference} holds something else.")
        return text

    def _build(self, hmac_keys: Mapping[TenantId, str]) -> None:
        stored = {name: self._content.tenants[name] for name in hmac_keys}
        tenants = {name: _tenant(name, entry, hmac_keys[name]) for name, entry in stored.items()}
        self._entries = {
            key.id: _Entry(
                key.sha256,
                key.expires.timestamp() if key.expires else FOREVER,
                Principal(tenants[name], key.id, frozenset(key.scopes)),
            )
            for name, entry in stored.items()
            for key in entry.keys
        }
        self._tenants = tenants
        self._built = (self._content, hmac_keys)


def _tenant(name: TenantId, stored: StoredTenant, hmac_key: str) -> Tenant:
    return Tenant(
        id=name,
        environment=stored.environment,
        expected_detectors=stored.expected_detectors,
        conditions=frozenset(f"tenant.scope.{scope}" for scope in stored.scopes),
        hmac_key=bytes.fromhex(hmac_key),
    )
