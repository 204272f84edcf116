"""The token issuer's public keys (RFC 7517): fetched, cached, fetched again for a key nobody has seen."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

MAX_BYTES = 262_144
MIN_RSA_BITS = 2048
TIMEOUT_SECONDS = 5.0
PublicKey = RSAKey | ECKey | OKPKey
log = structlog.get_logger(__name__)


class KeySet:
    """The keys an issuer signs with, from a file or URL. Where they cannot be fetched, the last ones stay.

    Args:
        place: an http(s) URL, or the path of a file.
        ttl_seconds: how old they may get before they are fetched again.
        retry_seconds: least time between two fetches, so that invented key ids cannot cause a storm of them.
        on_fetch: hears of each fetch whether it succeeded.

    Attributes:
        problem: why there are no keys, or empty.
        generation: rises whenever a key was taken away or replaced, and what it verified must not count any more.
    """

    def __init__(
        self,
        place: str,
        *,
        ttl_seconds: float,
        retry_seconds: float,
        on_fetch: Callable[[Literal["fetched", "failed"]], None] = lambda _outcome: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.problem = "The keys of the token issuer were not fetched yet."
        self.generation = 0
        self._place = place
        self._ttl_seconds = ttl_seconds
        self._retry_seconds = retry_seconds
        self._on_fetch = on_fetch
        self._clock = clock
        self._keys: Mapping[str, PublicKey] = {}
        self._tried = self._fetched = float("-inf")
        self._fetching = asyncio.Lock()

    async def key(self, key_id: str) -> PublicKey | None:
        """The key of this id; one nobody has seen is looked for at the issuer, if that was not asked just now."""
        found = self._keys.get(key_id)
        if found is None and (self._fetching.locked() or self._may_ask()):
            async with self._fetching:
                if key_id not in self._keys and self._may_ask():
                    await self._fetch()
            found = self._keys.get(key_id)
        return found

    async def refresh(self) -> None:
        """Fetch the keys if they are due."""
        if self._clock() - self._fetched >= self._ttl_seconds and self._may_ask():
            async with self._fetching:
                if self._may_ask():
                    await self._fetch()

    def _may_ask(self) -> bool:
        return self._clock() - self._tried >= self._retry_seconds

    async def _fetch(self) -> None:
        self._tried = self._clock()
        try:
            keys = _parse(await _read(self._place))
        except (OSError, ValueError, LookupError, TypeError, AttributeError, httpx.HTTPError, JoseError) as error:
            self._on_fetch("failed")
            log.warning("jwks.unavailable", error=type(error).__name__)
            if not self._keys:
                self.problem = f"The keys of the token issuer cannot be read: {type(error).__name__}."
            return
        if any(keys.get(key_id) is None or keys[key_id] != key for key_id, key in self._keys.items()):
            self.generation += 1
        self._keys, self._fetched, self.problem = keys, self._tried, ""
        self._on_fetch("fetched")


async def _read(place: str) -> bytes:
    if not place.startswith(("http://", "https://")):
        return await asyncio.to_thread(Path(place).read_bytes)
    body = bytearray()
    async with (
        httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client,
        client.stream("GET", place, headers={"Accept": "application/jwk-set+json, application/json"}) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise ValueError(f"status {response.status_code}")
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BYTES:
                raise ValueError("too long")
    return bytes(body)


def _parse(content: bytes) -> Mapping[str, PublicKey]:
    """Usable keys by id: public ones for signatures, whose type is known and whose size is sound.

    Raises:
        ValueError: when there are none.
    """
    found: dict[str, PublicKey] = {}
    for entry in json.loads(content)["keys"]:
        if not entry.get("kid") or entry.get("use", "sig") != "sig" or "d" in entry:  # published, it is everybody's
            continue
        try:
            key = import_key(entry)
        except (JoseError, ValueError):  # one key nobody can use must not cost the others
            continue
        if isinstance(key, RSAKey) and key.public_key.key_size < MIN_RSA_BITS:
            continue
        if isinstance(key, PublicKey):
            found[entry["kid"]] = key
    if not found:
        raise ValueError("no usable keys")
    return found
