"""`POST /v1/map:batch`, alias `/map/batch`: many outputs, each on its own, in one transaction."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

import orjson
from fastapi import APIRouter, Request
from pydantic import JsonValue
from starlette.responses import Response

from mapper_serving import openapi
from mapper_serving.answers import BatchAnswer
from mapper_serving.bodies import BatchRequest, Limits, parse_batch, parse_item
from mapper_serving.idempotency import Ticket
from mapper_serving.identity.authentication import refuse_other_tenant
from mapper_serving.outbox.rows import Event, Rejection, Row
from mapper_serving.problems import Refusal
from mapper_serving.responses import JSON
from mapper_serving.routes.admission import charge
from mapper_serving.routes.calls import PROBLEMS, SCOPE, Call
from mapper_serving.routes.lean import Lean, read_body, unattributed
from mapper_serving.routes.mapping import recorded
from mapper_serving.service import Service, rejection

router = APIRouter(tags=["mapping"], route_class=Lean)
ROUTE = "/v1/map:batch"
STRIDE: Final = 50
"""Items after which other requests get their turn."""
_ALL = openapi.answer(BatchAnswer, "Every item became an event.", replayable=True)
_SOME = openapi.answer(BatchAnswer, "At least one item was refused.", replayable=True)


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


async def map_batch(request: Request) -> Response:
    """Answer with what became of each item, in order, once all of it is durable in one transaction."""
    service: Service = request.scope["app"].state.service
    try:
        call = await Call.begin(request, service.settings.batch_deadline_seconds)
    except Refusal as refusal:
        return unattributed(service, refusal)
    try:
        call.check()
        body = await read_body(request, service.settings.max_batch_bytes)
        return await call.once(ROUTE, body, partial(_map_all, call, body))
    except Refusal as refusal:
        return await call.refuse(refusal)


async def _map_all(call: Call, body: bytes, ticket: Ticket | None) -> Response:
    batch = parse_batch(body, call.service.settings.batch_limit)
    refuse_other_tenant((), call.tenant, batch.tenant_id)
    charge(call.request, call.principal, len(batch.items) - 1)
    outcomes = await _outcomes(call, batch.items)
    codes = [outcome.refused[0].code for outcome in outcomes if outcome.refused]
    answer = {
        "items": [outcome.answer(index) for index, outcome in enumerate(outcomes)],
        "counts": {"received": len(outcomes), "accepted": len(outcomes) - len(codes), "rejected": len(codes)},
        "version_info": call.serving.versions_json,
    }
    metrics = call.service.metrics
    metrics.observe("mapper_batch_items", len(outcomes))
    for code in codes:
        metrics.count("mapper_rejections_total", code)
    status = HTTPStatus.MULTI_STATUS if codes else HTTPStatus.OK
    rows = [row for outcome in outcomes for row in outcome.rows]
    return await call.record(rows, Response(orjson.dumps(answer), status, media_type=JSON), ticket)


async def _outcomes(call: Call, items: Sequence[JsonValue]) -> list[_Outcome]:
    limits = call.limits
    outcomes = []
    for index, item in enumerate(items, start=1):
        outcomes.append(await _outcome(call, item, limits))
        if index % STRIDE == 0:
            await asyncio.sleep(0)
    return outcomes


async def _outcome(call: Call, item: JsonValue, limits: Limits) -> _Outcome:
    try:
        sent = parse_item(item, limits)
        return _Outcome(await call.map(sent), sent.events == "one")
    except Refusal as refusal:
        return _Outcome(refused=(refusal, rejection(call.tenant, refusal.code, call.now)))


for path in (ROUTE, "/map/batch"):
    router.add_api_route(
        path,
        map_batch,
        methods=["POST"],
        summary="Map several outputs, each on its own",
        responses={200: _ALL, 207: _SOME, **openapi.problems(*PROBLEMS)},
        openapi_extra=openapi.body(BatchRequest, SCOPE, idempotent=True),
    )
