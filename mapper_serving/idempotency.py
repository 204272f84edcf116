"""Requests that may be sent again: under the same Idempotency-Key one request is answered once, for 24 hours.

After draft-ietf-httpapi-idempotency-key-header-07. A key counts for one route of one tenant. The answer is kept in the
transaction that makes its events durable, so there is never one without the other. Only answers with events are kept:
a refusal changed nothing, and the request may be tried again. Neither key nor request is stored, only hashes of them.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from starlette.responses import Response

from mapper_serving.identity.principal import Tenant
from mapper_serving.outbox.outbox import Outbox
from mapper_serving.outbox.rows import Replay
from mapper_serving.problems import Code, Refusal
from mapper_serving.responses import version_headers
from mapper_serving.state import Serving

HEADER: Final = b"idempotency-key"
REPLAYED: Final = "Idempotency-Replayed"
KEPT_FOR: Final = timedelta(hours=24)
_KEY = re.compile(rb'"([\x20\x21\x23-\x5b\x5d-\x7e]{1,255})"|([\x21\x23-\x7e]{1,255})')
"""An RFC 8941 string, as the draft asks for, or the same without quotes, as most callers send it."""


class Ticket(NamedTuple):
    """What identifies a request that may come again; the first four fields of a `Replay`."""

    tenant_id: str
    route: str
    key_sha256: str
    request_hmac: str


def ticket(key: bytes, tenant: Tenant, route: str, shape: str, body: bytes) -> Ticket:
    """The ticket of a request.

    Args:
        key: the header's value.
        tenant: who sent it.
        route: the same for a path and its alias.
        shape: how the answer is to be rendered: another rendering is another request.
        body: as sent.

    Raises:
        Refusal: `invalid-idempotency-key`.
    """
    match = _KEY.fullmatch(key.strip())
    if match is None:
        raise Refusal(Code.INVALID_IDEMPOTENCY_KEY, "Send 1 to 255 printable ASCII characters, such as a UUID.")
    fingerprint = tenant.hash(f"request\0{route}\0{shape}\0{hashlib.sha256(body).hexdigest()}")
    return Ticket(tenant.id, route, hashlib.sha256(match[1] or match[2]).hexdigest(), fingerprint)


def kept(ticket: Ticket, answer: Response, serving: Serving, now: datetime) -> Replay:
    """An answer as it is kept, with the versions it was given by."""
    own = ("content-type", "x-event-id")
    headers = {name: value for name in own if (value := answer.headers.get(name)) is not None}
    return Replay(
        *ticket, answer.status_code, {**headers, **version_headers(serving)}, bytes(answer.body), now + KEPT_FOR
    )


def again(replay: Replay) -> Response:
    """A kept answer, marked as one."""
    return Response(replay.body, replay.status, {**replay.headers, REPLAYED: "true"})


class Idempotency:
    """Sees to it that a request is not answered twice. Used by one event loop."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._in_flight: set[tuple[str, str, str]] = set()

    @contextmanager
    def hold(self, ticket: Ticket) -> Iterator[None]:
        """Keep others with the same key out of this process until the answer is there.

        Workers do not share this: of two that map the same request, the outbox takes the first one's answer.

        Raises:
            Refusal: `idempotency-in-flight`.
        """
        place = ticket[:3]
        if place in self._in_flight:
            raise Refusal(Code.IDEMPOTENCY_IN_FLIGHT, "Wait for the answer to the first request with this key.")
        self._in_flight.add(place)
        try:
            yield
        finally:
            self._in_flight.discard(place)

    async def find(self, ticket: Ticket) -> Replay | None:
        """The answer that was given to this request, or None.

        Raises:
            Refusal: `idempotency-conflict` when the key belongs to another request; `idempotency-in-flight` when
                another process reserved it.
            EventWriteError: when the outbox cannot be read.
        """
        found = await self._outbox.find_replay(*ticket[:3])
        if found is None:
            return None
        if found.request_hmac != ticket.request_hmac:
            raise Refusal(Code.IDEMPOTENCY_CONFLICT, "Use a new key for a request that differs in body or Accept.")
        if found.body is None:
            raise Refusal(Code.IDEMPOTENCY_IN_FLIGHT, "Wait for the answer to the first request with this key.")
        return found
