"""`POST /map` and `POST /map/batch`: HTTP in, HTTP out, and nothing answered that is not recorded."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

import orjson
from fastapi import APIRouter, Request
from pydantic import JsonValue
from starlette.responses import Response

from mapper_domain.errors import EventWriteError
from mapper_domain.events import CanonicalEvent, Versions
from mapper_serving import openapi
from mapper_serving.bodies import (
    BatchAnswer,
    BatchRequest,
    EventList,
    Limits,
    MapRequest,
    parse_batch,
    parse_item,
    parse_map,
)
from mapper_serving.identity.authentication import refuse_other_tenant
from mapper_serving.identity.principal import Principal, Scope, Tenant
from mapper_serving.outbox import Event, Rejection, Row
from mapper_serving.problems import Code, Refusal, respond
from mapper_serving.routes.lean import Lean, read_body, unattributed
from mapper_serving.service import Service, rejection
from mapper_serving.state import Serving

router = APIRouter(tags=["mapping"], route_class=Lean)
SCOPE: Scope = "map:write"

_SHARED = (
    Code.NOT_UTF8,
    Code.MALFORMED_JSON,
    Code.UNAUTHENTICATED,
    Code.INSUFFICIENT_SCOPE,
    Code.TENANT_MISMATCH,
    Code.BODY_TOO_LONG,
    Code.UNSUPPORTED_MEDIA_TYPE,
    Code.INVALID_REQUEST,
    Code.INTERNAL_ERROR,
    Code.NOT_RECORDED,
)
_SINGLE = (Code.UNKNOWN_DETECTOR, Code.OUTPUT_TOO_LONG, Code.UNREADABLE_OUTPUT)
_EVENT = openapi.either(
    openapi.answer(
        CanonicalEvent,
        "The event, durable; or, where `events` is `per_finding`, all of them and no `X-Event-Id`.",
        "X-Event-Id",
        *openapi.VERSION_HEADERS,
    ),
    EventList,
    "X-Event-Id",
)
_ALL = openapi.answer(BatchAnswer, "Every item became an event.", *openapi.VERSION_HEADERS)
_SOME = openapi.answer(BatchAnswer, "At least one item was refused.", *openapi.VERSION_HEADERS)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one item: its events, or the refusal and its row.

    Attributes:
        alone: whether the caller asked for one event.
    """

    events: tuple[Event, ...] = ()
    alone: bool = True
    refused: tuple[Refusal, Rejection] | None = None

    @property
    def rows(self) -> tuple[Row, ...]:
        return self.events if self.refused is None else (self.refused[1],)

    def answer(self, index: int) -> Mapping[str, object]:
        """The item of the answer."""
        if self.refused is not None:
            refusal, row = self.refused
            problem = refusal.document(row.rejection_id).model_dump(mode="json")
            return {"index": index, "status": refusal.status, "problem": problem}
        events = [recorded(event) for event in self.events]
        return {"index": index, "status": HTTPStatus.OK, **(events[0] if self.alone else {"events": events})}


@dataclass(frozen=True, slots=True)
class _Call:
    """One authenticated request; the state that was in service when it began answers all of it."""

    service: Service
    serving: Serving
    principal: Principal
    now: datetime
    deadline: float

    @property
    def tenant(self) -> Tenant:
        return self.principal.tenant

    @property
    def limits(self) -> Limits:
        return Limits(self.serving.catalog.by_name, self.now, self.service.settings)

    async def map(self, sent: MapRequest) -> tuple[Event, ...]:
        refuse_other_tenant((), self.tenant, sent.tenant_id)
        return await self.service.mapper.map(sent, self.tenant, self.serving, deadline=self.deadline, now=self.now)

    async def map_item(self, item: JsonValue, limits: Limits) -> _Outcome:
        try:
            sent = parse_item(item, limits)
            return _Outcome(await self.map(sent), sent.events == "one")
        except Refusal as refusal:
            return _Outcome(refused=(refusal, rejection(self.tenant, refusal.code, self.now)))

    async def refuse(self, refusal: Refusal) -> Response:
        """Count a refusal durably, then answer with its problem."""
        row = rejection(self.tenant, refusal.code, self.now)
        try:
            await self.service.outbox.append([row])
        except EventWriteError as error:
            return _unrecorded(self.service, error)
        self.service.metrics.count("mapper_rejections_total", refusal.code)
        return respond(refusal, row.rejection_id)


@router.post(
    "/map",
    summary="Map one detector output to a canonical event, or to one for each finding",
    responses={200: _EVENT, **openapi.problems(*_SHARED, *_SINGLE)},
    openapi_extra=dict(openapi.body(MapRequest, SCOPE)),
)
async def map_one(request: Request) -> Response:
    """Answer with the canonical events once they are durable, or with a problem once the refusal is counted."""
    service: Service = request.app.state.service
    try:
        call = await _admit(request, service, service.settings.deadline_seconds)
    except Refusal as refusal:
        return unattributed(service, refusal)
    try:
        call.principal.require(SCOPE)
        refuse_other_tenant(request.scope["headers"], call.tenant)
        sent = parse_map(await read_body(request, service.settings.max_body_bytes), call.limits)
        events = await call.map(sent)
    except Refusal as refusal:
        return await call.refuse(refusal)
    try:
        await service.outbox.append(events)
    except EventWriteError as error:
        return _unrecorded(service, error)
    headers = version_headers(call.serving)
    if sent.events == "per_finding":
        return _json(orjson.dumps({"events": [recorded(event) for event in events]}), HTTPStatus.OK, headers)
    (event,) = events
    return _json(event.event.encode(), HTTPStatus.OK, {"X-Event-Id": event.event_id, **headers})


@router.post(
    "/map/batch",
    summary="Map several outputs, each on its own",
    responses={200: _ALL, 207: _SOME, **openapi.problems(*_SHARED)},
    openapi_extra=dict(openapi.body(BatchRequest, SCOPE)),
)
async def map_batch(request: Request) -> Response:
    """Answer with what became of each item, in order, once all of it is durable in one transaction."""
    service: Service = request.app.state.service
    try:
        call = await _admit(request, service, service.settings.batch_deadline_seconds)
    except Refusal as refusal:
        return unattributed(service, refusal)
    try:
        call.principal.require(SCOPE)
        refuse_other_tenant(request.scope["headers"], call.tenant)
        batch = parse_batch(await read_body(request, service.settings.max_body_bytes), service.settings.batch_limit)
        refuse_other_tenant((), call.tenant, batch.tenant_id)
    except Refusal as refusal:
        return await call.refuse(refusal)
    limits = call.limits
    outcomes = [await call.map_item(item, limits) for item in batch.items]
    try:
        await service.outbox.append([row for outcome in outcomes for row in outcome.rows])
    except EventWriteError as error:
        return _unrecorded(service, error)
    service.metrics.observe("mapper_batch_items", len(outcomes))
    codes = [outcome.refused[0].code for outcome in outcomes if outcome.refused]
    for code in codes:
        service.metrics.count("mapper_rejections_total", code)
    answer = {
        "items": [outcome.answer(index) for index, outcome in enumerate(outcomes)],
        "counts": {"received": len(outcomes), "accepted": len(outcomes) - len(codes), "rejected": len(codes)},
    }
    status = HTTPStatus.MULTI_STATUS if codes else HTTPStatus.OK
    return _json(orjson.dumps(answer), status, version_headers(call.serving))


def recorded(event: Event) -> Mapping[str, object]:
    """An event with its id, as `RecordedEvent`."""
    return {"event_id": event.event_id, "event": orjson.Fragment(event.event)}


def version_headers(serving: Serving) -> dict[str, str]:
    """Headers that say which versions answered."""
    versions: Versions = serving.versions
    values = (versions.taxonomy, versions.frameworks, versions.release)
    return dict(zip(openapi.VERSION_HEADERS, values, strict=True))


async def _admit(request: Request, service: Service, seconds: float) -> _Call:
    """The request as its tenant's.

    Raises:
        Refusal: `unauthenticated`.
    """
    principal = await service.identity.authenticate(request.scope["headers"])
    deadline = asyncio.get_running_loop().time() + seconds
    return _Call(service, service.releases.current, principal, datetime.now(UTC), deadline)


def _unrecorded(service: Service, error: EventWriteError) -> Response:
    service.metrics.count("mapper_rejections_total", Code.NOT_RECORDED)
    return respond(Refusal(Code.NOT_RECORDED, str(error)))


def _json(body: bytes, status: int, headers: Mapping[str, str]) -> Response:
    return Response(body, status_code=status, headers=dict(headers), media_type="application/json")
