"""One authenticated mapping request, on its way to durable rows and an answer. `/v1/map` and its batch share it."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from fastapi import Request
from starlette.background import BackgroundTask
from starlette.responses import Response

from mapper_domain.errors import EventWriteError
from mapper_serving import idempotency, tracing
from mapper_serving.bodies import Limits, MapRequest
from mapper_serving.idempotency import Ticket
from mapper_serving.identity.authentication import refuse_other_tenant
from mapper_serving.identity.principal import Principal, Scope, Tenant
from mapper_serving.outbox.rows import ReplayTaken, Row
from mapper_serving.problems import Code, Refusal
from mapper_serving.releases.routing import Routing
from mapper_serving.releases.trials import Answered
from mapper_serving.rendering.accept import Rendering, rendering
from mapper_serving.responses import respond, stamp, unstamped
from mapper_serving.routes.admission import admit
from mapper_serving.routes.lean import header, read_body, unattributed
from mapper_serving.service import Service, rejection
from mapper_serving.state import Serving

SCOPE: Scope = "map:write"
PROBLEMS = (
    Code.NOT_UTF8,
    Code.MALFORMED_JSON,
    Code.INVALID_IDEMPOTENCY_KEY,
    Code.UNAUTHENTICATED,
    Code.INSUFFICIENT_SCOPE,
    Code.TENANT_MISMATCH,
    Code.REQUEST_TIMEOUT,
    Code.IDEMPOTENCY_IN_FLIGHT,
    Code.BODY_TOO_LONG,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID_REQUEST,
    Code.IDEMPOTENCY_CONFLICT,
    Code.RATE_LIMITED,
    Code.ENGINE_BUSY,
    Code.INTERNAL_ERROR,
    Code.NOT_RECORDED,
)
"""How a call may be refused, whatever it asks for."""


class Call(NamedTuple):
    """A request of a known caller; releases that were in service when it began answer all of it.

    Attributes:
        routing: those releases, leased until the answer is there.
        deadline: time of the running loop after which the model is not waited for.
        shape: how the caller wants its events.
    """

    request: Request
    service: Service
    routing: Routing
    principal: Principal
    now: datetime
    deadline: float
    shape: Rendering

    @classmethod
    async def begin(cls, request: Request, routing: Routing, seconds: float) -> "Call":
        """A request, once its caller is let in; the model has so many seconds.

        Raises:
            Refusal: as `admit`.
        """
        service: Service = request.scope["app"].state.service
        principal = await admit(request)
        deadline = asyncio.get_running_loop().time() + seconds
        shape = rendering(header(request, b"accept"))
        return cls(request, service, routing, principal, datetime.now(UTC), deadline, shape)

    @property
    def tenant(self) -> Tenant:
        """Whose request it is."""
        return self.principal.tenant

    @property
    def serving(self) -> Serving:
        """The release that answers what no canary does."""
        return self.routing.stable

    @property
    def limits(self) -> Limits:
        """What a body is judged by."""
        return Limits(self.serving.catalog.by_name, self.now, self.service.settings)

    def check(self) -> None:
        """Return if the caller may map, names no tenant but its own, and its events could be kept.

        Raises:
            Refusal: `insufficient-scope`, `tenant-mismatch` or `not-recorded`.
        """
        self.principal.require(SCOPE)
        refuse_other_tenant(self.request.scope["headers"], self.tenant)
        outbox, settings = self.service.outbox, self.service.settings
        if not outbox.accepts:
            raise Refusal(Code.NOT_RECORDED, outbox.refusal, retry_after=math.ceil(settings.ship_seconds))

    async def map(self, sent: MapRequest) -> Answered:
        """The events for one output, all from one release.

        Raises:
            Refusal: as `Mapper.map`; `tenant-mismatch`.
        """
        refuse_other_tenant((), self.tenant, sent.tenant_id)
        return await self.service.trials.map(sent, self.tenant, self.routing, deadline=self.deadline, now=self.now)

    def afterwards(self, answered: Sequence[tuple[MapRequest, Answered]]) -> BackgroundTask | None:
        """What is left to do once the answer was sent: to ask the shadow the same."""
        return self.service.shadowing.after(answered, self.tenant, self.now) if self.routing.shadow else None

    async def once(self, route: str, body: bytes, answer: Callable[[Ticket | None], Awaitable[Response]]) -> Response:
        """The answer; where the caller gave a key, the one this request got before, if it did.

        Args:
            route: what the key counts for.
            body: as sent.
            answer: makes it, and keeps it under the ticket.

        Raises:
            Refusal: of `answer`, or because of the key.
        """
        key = header(self.request, idempotency.HEADER)
        if key is None:
            return await answer(None)
        ticket = idempotency.ticket(key, self.tenant, route, self.shape, body)
        with self.service.idempotency.hold(ticket):
            return await self._again(ticket) or await answer(ticket)

    async def record(self, rows: Sequence[Row], answer: Response, ticket: Ticket | None, serving: Serving) -> Response:
        """The answer of a release, once all rows are durable, and itself too where it may be asked for again."""
        stamp(self.request.scope, serving)
        tracing.note("mapper.release", serving.versions.release)
        replay = idempotency.kept(ticket, answer, serving, self.now) if ticket else None
        try:
            with tracing.stage("record"):
                await self.service.outbox.append(rows, replay)
        except EventWriteError as error:
            return self._unrecorded(error)
        except ReplayTaken:  # another worker was quicker with the same key
            return (await self._again(ticket) if ticket else None) or self._unrecorded(EventWriteError("Try again."))
        return answer

    async def refuse(self, refusal: Refusal) -> Response:
        """Count a refusal durably, then answer with its problem; no row where there are too many or no room."""
        if refusal.code in (Code.RATE_LIMITED, Code.NOT_RECORDED):
            return unattributed(self.service, refusal)
        row = rejection(self.tenant, refusal.code, self.now)
        try:
            with tracing.stage("record"):
                await self.service.outbox.append([row])
        except EventWriteError as error:
            return self._unrecorded(error)
        self.service.metrics.count("mapper_rejections_total", refusal.code)
        return respond(refusal, row.rejection_id)

    async def _again(self, ticket: Ticket) -> Response | None:
        try:
            earlier = await self.service.idempotency.find(ticket)
        except EventWriteError as error:
            return self._unrecorded(error)
        if earlier is None:
            return None
        self.service.metrics.count("mapper_replays_total")
        unstamped(self.request.scope)
        return idempotency.again(earlier)

    def _unrecorded(self, error: EventWriteError) -> Response:
        return unattributed(self.service, Refusal(Code.NOT_RECORDED, str(error)))


async def answer_call(
    request: Request,
    route: str,
    seconds: float,
    most_bytes: int,
    answer: Callable[[Call, bytes, Ticket | None], Awaitable[Response]],
) -> Response:
    """The answer to a mapping request, or a problem once the refusal is counted.

    Args:
        route: what an idempotency key counts for.
        seconds: time the model has.
        most_bytes: of a body.
        answer: makes it of the body, and keeps it under the ticket; may refuse.
    """
    service: Service = request.scope["app"].state.service
    with service.releases.lease() as routing:
        try:
            call = await Call.begin(request, routing, seconds)
        except Refusal as refusal:
            return unattributed(service, refusal)
        try:
            call.check()
            body = await read_body(request, most_bytes)
            return await call.once(route, body, partial(answer, call, body))
        except Refusal as refusal:
            return await call.refuse(refusal)
