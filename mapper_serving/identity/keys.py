"""The keys file: tenants, what they promised to run, and the hashes of their API keys. No HTTP here.

A key is `lm_<id>_<secret>` with 256 random bits of secret, so one SHA-256 is enough to store it safely
(slow password hashes protect secrets people choose). Nobody can read a key back from the file.
"""

import fcntl
import hashlib
import os
import re
import secrets
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import yaml
from pydantic import AwareDatetime, Field, ValidationError, model_validator

from mapper_domain.errors import MapperError
from mapper_domain.events import Environment
from mapper_domain.tenants import TenantId
from mapper_domain.value import Value
from mapper_serving.identity.principal import DEFAULT_SCOPES, Scope

KEY_PATTERN = re.compile(r"lm_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")


class KeysUnreadable(MapperError):
    """The keys file is missing, or does not hold what it should."""


class StoredKey(Value):
    """One API key: its public id, the SHA-256 (hex) of the whole key, what it may do, and when it stops working."""

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    scopes: tuple[Scope, ...] = Field(default=DEFAULT_SCOPES, min_length=1)
    issued: AwareDatetime | None = None
    expires: AwareDatetime | None = None


class StoredTenant(Value):
    """One tenant as the file has it.

    Attributes:
        scopes: conditions of framework mappings that hold for it, for example `hipaa`.
        hmac_key: 64 hex digits; the key under which labels that may not be stored are hashed.
        hmac_key_ref: where it lies instead (`mapper_serving.secrets`); follows a rotation there.
        hmac_key_env: the same as a reference to an environment variable of this name.
    """

    environment: Environment = "prod"
    expected_detectors: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    hmac_key: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$", repr=False)
    hmac_key_ref: str | None = None
    hmac_key_env: str | None = None
    keys: tuple[StoredKey, ...] = ()

    @model_validator(mode="after")
    def _one_hmac_key(self) -> "StoredTenant":
        if sum(key is not None for key in (self.hmac_key, self.hmac_key_ref, self.hmac_key_env)) != 1:
            raise ValueError("give exactly one of hmac_key, hmac_key_ref and hmac_key_env")
        return self


class KeyFile(Value):
    """The whole file."""

    tenants: Mapping[TenantId, StoredTenant] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _ids_once(self) -> "KeyFile":
        counts = Counter(key.id for tenant in self.tenants.values() for key in tenant.keys)
        if twice := sorted(key_id for key_id, count in counts.items() if count > 1):
            raise ValueError(f"listed twice: {', '.join(twice)}")
        return self


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


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other commands from changing the keys file between reading and writing it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def issue(
    content: KeyFile,
    tenant: TenantId,
    new: StoredTenant,
    *,
    days: float | None,
    scopes: tuple[Scope, ...] = DEFAULT_SCOPES,
) -> tuple[KeyFile, str]:
    """The file with one more key, and the key itself, which exists nowhere else.

    Args:
        content: the file so far.
        tenant: whose key.
        new: what to store for the tenant if the file does not have it yet.
        days: how long the key works; None for ever.
        scopes: what it may do.
    """
    stored, key = _generate(scopes, None if days is None else timedelta(days=days))
    before = content.tenants.get(tenant, new)
    after = before.model_copy(update={"keys": (*before.keys, stored)})
    return KeyFile(tenants={**content.tenants, tenant: after}), key


def rotate(content: KeyFile, key_id: str, *, overlap: timedelta, days: float | None = None) -> tuple[KeyFile, str]:
    """The file with a successor of a key, and the successor; both work until the overlap has passed.

    Args:
        content: the file so far.
        key_id: the key to be replaced. Its successor may do the same for the same tenant.
        overlap: how long the old key goes on working, unless it expires sooner.
        days: how long the successor works; by default as long as the old key was given.

    Raises:
        KeysUnreadable: when no tenant has the key, or nobody knows how long it was given.
    """
    tenant, old = _find(content, key_id)
    if days is not None:
        lifetime: timedelta | None = timedelta(days=days)
    elif old.expires is None:
        lifetime = None
    elif old.issued is None:
        raise KeysUnreadable(f"Key {key_id} expires, but not when it was issued; say how many days the new one works.")
    else:
        lifetime = old.expires - old.issued
    stored, key = _generate(old.scopes, lifetime)
    end = datetime.now(UTC) + overlap
    ending = old.model_copy(update={"expires": end if old.expires is None else min(end, old.expires)})
    before = content.tenants[tenant]
    kept = tuple(ending if key.id == key_id else key for key in before.keys)
    after = before.model_copy(update={"keys": (*kept, stored)})
    return KeyFile(tenants={**content.tenants, tenant: after}), key


def revoke(content: KeyFile, key_id: str) -> KeyFile:
    """The file without that key.

    Raises:
        KeysUnreadable: when no tenant has it.
    """
    tenant, _ = _find(content, key_id)
    before = content.tenants[tenant]
    after = before.model_copy(update={"keys": tuple(key for key in before.keys if key.id != key_id)})
    return KeyFile(tenants={**content.tenants, tenant: after})


def _generate(scopes: tuple[Scope, ...], lifetime: timedelta | None) -> tuple[StoredKey, str]:
    key_id, now = secrets.token_hex(6), datetime.now(UTC)
    key = f"lm_{key_id}_{secrets.token_urlsafe(32)}"
    return StoredKey(
        id=key_id,
        sha256=hashlib.sha256(key.encode()).hexdigest(),
        scopes=scopes,
        issued=now,
        expires=None if lifetime is None else now + lifetime,
    ), key


def _find(content: KeyFile, key_id: str) -> tuple[TenantId, StoredKey]:
    for name, tenant in content.tenants.items():
        for key in tenant.keys:
            if key.id == key_id:
                return name, key
    raise KeysUnreadable(f"No tenant has a key with the id {key_id}.")
