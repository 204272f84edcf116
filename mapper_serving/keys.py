"""The keys file: tenants, what they promised to run, and the hashes of their API keys. No HTTP here.

A key is `lm_<id>_<secret>` with 256 random bits of secret, so one SHA-256 is enough to store it safely
(slow password hashes protect secrets people choose). Nobody can read a key back from the file.
"""

import hashlib
import hmac
import os
import re
import secrets
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from pydantic import AwareDatetime, Field, ValidationError, model_validator

from mapper_domain.errors import MapperError
from mapper_domain.events import Environment
from mapper_domain.tenants import TenantId
from mapper_domain.value import Value

KEY_PATTERN = re.compile(r"lm_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
RECHECK_SECONDS = 1.0


class KeysUnreadable(MapperError):
    """The keys file is missing, or does not hold what it should."""


class StoredKey(Value):
    """One API key: its public id, the SHA-256 (hex) of the whole key, and when it stops working."""

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    expires: AwareDatetime | None = None


class StoredTenant(Value):
    """One tenant as the file has it.

    Attributes:
        scopes: conditions of framework mappings that hold for it, for example `hipaa`.
        hmac_key: 64 hex digits; the key under which labels that may not be stored are hashed.
        hmac_key_env: name of the environment variable that holds it instead.
    """

    environment: Environment = "prod"
    expected_detectors: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    hmac_key: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$", repr=False)
    hmac_key_env: str | None = None
    keys: tuple[StoredKey, ...] = ()

    @model_validator(mode="after")
    def _one_hmac_key(self) -> "StoredTenant":
        if (self.hmac_key is None) == (self.hmac_key_env is None):
            raise ValueError("give exactly one of hmac_key and hmac_key_env")
        return self


class KeyFile(Value):
    """The whole file."""

    tenants: Mapping[TenantId, StoredTenant] = Field(default_factory=dict)


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


def read(path: Path) -> KeyFile:
    """The keys file.

    Raises:
        KeysUnreadable: with every problem, and none of its values.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return KeyFile.model_validate(content or {})
    except FileNotFoundError:
        raise KeysUnreadable(
            f"There is no keys file at {path}; make one with `python -m mapper_serving.auth issue`."
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise KeysUnreadable(f"The keys file {path} cannot be read: {type(error).__name__}.") from None
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise KeysUnreadable(f"The keys file {path} has problems: {problems}.") from None


def write(path: Path, content: KeyFile) -> None:
    """Replace the keys file atomically; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".keys-")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        yaml.safe_dump(content.model_dump(mode="json", exclude_none=True), stream, sort_keys=True)
        stream.flush()
        os.fsync(stream.fileno())
    Path(name).replace(path)


def issue(content: KeyFile, tenant: TenantId, new: StoredTenant, *, days: int | None) -> tuple[KeyFile, str]:
    """The file with one more key, and the key itself, which exists nowhere else.

    Args:
        content: the file so far.
        tenant: whose key.
        new: what to store for the tenant if the file does not have it yet.
        days: how long the key works; None for ever.
    """
    key_id = secrets.token_hex(6)
    key = f"lm_{key_id}_{secrets.token_urlsafe(32)}"
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    stored = StoredKey(id=key_id, sha256=hashlib.sha256(key.encode()).hexdigest(), expires=expires)
    before = content.tenants.get(tenant, new)
    after = before.model_copy(update={"keys": (*before.keys, stored)})
    return KeyFile(tenants={**content.tenants, tenant: after}), key


def revoke(content: KeyFile, key_id: str) -> KeyFile:
    """The file without that key.

    Raises:
        KeysUnreadable: when no tenant has it.
    """
    kept = {
        name: tenant.model_copy(update={"keys": tuple(key for key in tenant.keys if key.id != key_id)})
        for name, tenant in content.tenants.items()
    }
    if kept == dict(content.tenants):
        raise KeysUnreadable(f"No tenant has a key with the id {key_id}.")
    return KeyFile(tenants=kept)


class Keyring:
    """Finds the tenant of a key; notices within a second that the file changed, and keeps the last good keys.

    Attributes:
        problem: why the file cannot be used as it is now, or empty.
        failures: how often a changed file could not be read.
    """

    def __init__(self, path: Path, *, recheck_seconds: float = RECHECK_SECONDS) -> None:
        self.problem = ""
        self.failures = 0
        self._recheck_seconds = recheck_seconds
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._keys: Mapping[str, tuple[StoredKey, Tenant]] = {}
        self._checked = 0.0
        self._reload_if_changed()

    def find(self, key: str) -> Tenant | None:
        """The tenant of a key that is known, whole and not expired."""
        self._reload_if_changed()
        parts = KEY_PATTERN.fullmatch(key)
        stored, tenant = self._keys.get(parts.group(1), (None, None)) if parts else (None, None)
        if stored is None or not hmac.compare_digest(stored.sha256, hashlib.sha256(key.encode()).hexdigest()):
            return None
        return None if stored.expires is not None and stored.expires <= datetime.now(UTC) else tenant

    def _reload_if_changed(self) -> None:
        now = time.monotonic()
        if self._checked and now - self._checked < self._recheck_seconds:
            return
        self._checked = now
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            stamp = (0, 0, 0)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = _index(read(self._path))
            self.problem = ""
        except KeysUnreadable as error:
            self.problem = str(error)
            self.failures += 1


def _index(content: KeyFile) -> Mapping[str, tuple[StoredKey, Tenant]]:
    found: dict[str, tuple[StoredKey, Tenant]] = {}
    for name, stored in content.tenants.items():
        text = stored.hmac_key if stored.hmac_key_env is None else os.environ.get(stored.hmac_key_env, "")
        if not text or not re.fullmatch(r"[0-9a-f]{64}", text):
            raise KeysUnreadable(f"Tenant {name} has no HMAC key of 64 hex digits in {stored.hmac_key_env}.")
        tenant = Tenant(
            id=name,
            environment=stored.environment,
            expected_detectors=stored.expected_detectors,
            conditions=frozenset(f"tenant.scope.{scope}" for scope in stored.scopes),
            hmac_key=bytes.fromhex(text),
        )
        for key in stored.keys:
            if key.id in found:
                raise KeysUnreadable(f"Key {key.id} is listed twice.")
            found[key.id] = (key, tenant)
    return found
