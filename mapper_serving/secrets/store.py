"""Values of secrets: read when first asked for, read again as they age, and kept where reading fails."""

import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import structlog

from mapper_serving.secrets.references import SOURCES, Reference, SecretUnavailable, SourceName, parse

RETRY_SECONDS = 5.0
_PLACE = re.compile(rf"\{{((?:{'|'.join(SOURCES)}):[^{{}}]+)\}}")
Source = Callable[[Reference], str]
"""Reads a secret now; raises SecretUnavailable."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Held:
    """The last good value of one secret, what was wrong last time, and when to ask again (monotonic seconds)."""

    reference: Reference
    value: str | None = None
    problem: str = ""
    due: float = float("-inf")
    reading: threading.Lock = field(default_factory=threading.Lock)


class Secrets:
    """Resolves references to values that are at most `ttl_seconds` old, or the last good ones.

    Any thread may ask. Asking may wait for a server: an event loop asks through `asyncio.to_thread`.
    """

    def __init__(
        self,
        sources: Mapping[SourceName, Source],
        *,
        ttl_seconds: float,
        on_failure: Callable[[SourceName], None] = lambda _source: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = sources
        self._ttl_seconds = ttl_seconds
        self._on_failure = on_failure
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._adding = threading.Lock()

    def get(self, reference: str) -> str:
        """The secret's value. Where it cannot be read again the last good one stands, and the failure is counted.

        While one thread reads a secret again, others get the value it had.

        Raises:
            SecretUnavailable: when it was never read, or the reference is none.
        """
        held = self._held.get(reference) or self._hold(reference)
        if held.value is not None and self._clock() < held.due:
            return held.value
        if held.reading.acquire(blocking=held.value is None):
            try:
                self._read(held)
            finally:
                held.reading.release()
        if held.value is None:
            raise SecretUnavailable(held.problem)
        return held.value

    def fill(self, url: str) -> str:
        """The URL with each `{reference}` in it replaced by the secret, percent-encoded (RFC 3986).

        Raises:
            SecretUnavailable: as `get`.
        """
        return _PLACE.sub(lambda found: quote(self.get(found[1]), safe=""), url)

    def _hold(self, reference: str) -> _Held:
        parsed = parse(reference)
        with self._adding:
            return self._held.setdefault(reference, _Held(parsed))

    def _source(self, name: SourceName) -> Source:
        source = self._sources.get(name)
        if source is None:
            raise SecretUnavailable(f"Secrets of the source {name} are not set up.")
        return source

    def _read(self, held: _Held) -> None:
        if self._clock() < held.due:
            return
        source = held.reference.source
        try:
            value = self._source(source)(held.reference)
        except SecretUnavailable as error:
            self._on_failure(source)
            held.due = self._clock() + min(RETRY_SECONDS, self._ttl_seconds)
            held.problem = str(error)
            log.warning("secret.unavailable", reference=str(held.reference), problem=held.problem)
            return
        if held.value not in (None, value):
            log.info("secret.rotated", reference=str(held.reference))
        held.value, held.due = value, self._clock() + self._ttl_seconds
