"""`POST /v1/map:batch`, alias `/map/batch`: many outputs, each on its own, in one transaction."""

import asyncio
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, NamedTuple

import orjson
from fastapi import APIRouter, Request
from pydantic import JsonValue
from starlette.responses import Response

from mapper_serving import openapi, tracing
from mapper_serving.answers import BatchAnswer
from mapper_serving.bodies import BatchRequest, Limits, MapRequest, parse_batch, parse_item
from mapper_serving.idempotency import Ticket
from mapper_serving.identity.authentication import refuse_other_tenant
from mapper_serving.outbox.rows import Rejection, Row
from mapper_serving.problems import Refusal
from mapper_serving.releases.trials import Answered
from mapper_serving.responses import JSON
from mapper_serving.routes.admission import charge
from mapper_serving.routes.calls import PROBLEMS, SCOPE, Call, answer_call
from mapper_serving.routes.lean import Lean
from mapper_serving.routes.mapping import recorded
from mapper_serving.service import rejection
from mapper_serving.settings import Settings
from mapper_serving.state import Serving

router = APIRouter(tags=["mapping"], route_class=Lean)
ROUTE = "/v1/map:batch"
ITEMS_OF_A_REQUEST: Final = 10
"""Items that cost about as much as one request, and are charged as one."""
STRIDE: Final = 50
"""Items after which other requests get their turn."""
_ALL = openapi.answer(BatchAnswer, "Every item became an event.", replayable=True)
_SOME = openapi.answer(BatchAnswer, "At least one item was refused.", replayable=True)


class _Mapped(NamedTuple):
    """An item that became events."""

    sent: MapRequest
    answered: Answered

    @property
    def rows(self) -> tuple[Row, ...]:
        return self.answered.events

    def answer(self, index: int, stable: Serving) -> Mapping[str, object]:
        """The item of the answer; with its versions where a canary answered it."""
        events = [recorded(event) for event in self.answered.events]
        serving = self.answered.serving
        return {
            "index": index,
            "status": HTTPStatus.OK,
            **(events[0] if self.sent.events == "one" else {"events": events}),
            **({} if serving is stable else {"version_info": serving.versions_json}),
        }


class _Refused(NamedTuple):
    """An item that did not, and the row that counts it."""

    refusal: Refusal
    row: Rejection

    @property
    def rows(self) -> tuple[Row, ...]:
        return (self.row,)

    def answer(self, index: int, _stable: Serving) -> Mapping[str, object]:
        """The item of the answer."""
        problem = self.refusal.document(self.row.rejection_id).model_dump(mode="json")
        return {"index": index, "status": self.refusal.status, "problem": problem}


async def map_batch(request: Request) -> Response:
    """Answer with what became of each item, in order, once all of it is durable in one transaction."""
    settings: Settings = request.scope["app"].state.service.settings
    return await answer_call(request, ROUTE, settings.batch_deadline_seconds, settings.max_batch_bytes, _map_all)


async def _map_all(call: Call, body: bytes, ticket: Ticket | None) -> Response:
    batch = parse_batch(body, call.service.settings.batch_limit)
    refuse_other_tenant((), call.tenant, batch.tenant_id)
    charge(call.request, call.principal, -(-len(batch.items) // ITEMS_OF_A_REQUEST) - 1)
    with tracing.stage("map"):
        outcomes = await _outcomes(call, batch.items)
    codes = [outcome.refusal.code for outcome in outcomes if isinstance(outcome, _Refused)]
    mapped = [(outcome.sent, outcome.answered) for outcome in outcomes if isinstance(outcome, _Mapped)]
    answer = {
        "items": [outcome.answer(index, call.serving) for index, outcome in enumerate(outcomes)],
        "counts": {"received": len(outcomes), "accepted": len(mapped), "rejected": len(codes)},
        "version_info": call.serving.versions_json,
    }
    metrics = call.service.metrics
    metrics.observe("mapper_batch_items", len(outcomes))
    for code in codes:
        metrics.count("mapper_rejections_total", code)
    status = HTTPStatus.MULTI_STATUS if codes else HTTPStatus.OK
    rows = [row for outcome in outcomes for row in outcome.rows]
    response = Response(orjson.dumps(answer), status, media_type=JSON, background=call.afterwards(mapped))
    return await call.record(rows, response, ticket, call.serving)


async def _outcomes(call: Call, items: Sequence[JsonValue]) -> list[_Mapped | _Refused]:
    limits = call.limits
    outcomes = []
    for index, item in enumerate(items, start=1):
        outcomes.append(await _outcome(call, item, limits))
        if index % STRIDE == 0:
            await asyncio.sleep(0)
    return outcomes


async def _outcome(call: Call, item: JsonValue, limits: Limits) -> _Mapped | _Refused:
    try:
        sent = parse_item(item, limits)
        return _Mapped(sent, await call.map(sent))
    except Refusal as refusal:
        return _Refused(refusal, rejection(call.tenant, refusal.code, call.now))


for path in (ROUTE, "/map/batch"):
    router.add_api_route(
        path,
        map_batch,
        methods=["POST"],
        summary="Map several outputs, each on its own",
        responses={200: _ALL, 207: _SOME, **openapi.problems(*PROBLEMS)},
        openapi_extra=openapi.body(BatchRequest, SCOPE, idempotent=True),
    )
