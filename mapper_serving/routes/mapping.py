"""`POST /v1/map`, alias `/map`: one detector output in, its canonical events out, and nothing answered unrecorded."""

from http import HTTPStatus

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from mapper_domain.events import CanonicalEvent
from mapper_serving import openapi, tracing
from mapper_serving.answers import EventList
from mapper_serving.bodies import MapRequest, parse_map
from mapper_serving.idempotency import Ticket
from mapper_serving.outbox.rows import Event
from mapper_serving.problems import Code
from mapper_serving.releases.trials import Answered
from mapper_serving.rendering.accept import Rendered, render_all, render_one
from mapper_serving.rendering.told import Told
from mapper_serving.responses import JSON
from mapper_serving.routes.calls import PROBLEMS, SCOPE, Call, answer_call
from mapper_serving.routes.lean import Lean
from mapper_serving.settings import Settings

router = APIRouter(tags=["mapping"], route_class=Lean)
ROUTE = "/v1/map"
_SINGLE = (Code.UNKNOWN_DETECTOR, Code.OUTPUT_TOO_LONG, Code.UNREADABLE_OUTPUT, Code.CONTENT_REFUSED)
_EVENT = openapi.rendered(
    openapi.either(
        openapi.answer(
            CanonicalEvent,
            "The event, durable; or, where `events` is `per_finding`, all of them and no `X-Event-Id`.",
            "X-Event-Id",
            replayable=True,
        ),
        EventList,
        "X-Event-Id",
    )
)


async def map_one(request: Request) -> Response:
    """Answer with the canonical events once they are durable, or with a problem once the refusal is counted."""
    settings: Settings = request.scope["app"].state.service.settings
    return await answer_call(request, ROUTE, settings.deadline_seconds, settings.max_body_bytes, _map)


async def _map(call: Call, body: bytes, ticket: Ticket | None) -> Response:
    with tracing.stage("map"):
        sent = parse_map(body, call.limits)
        answered = await call.map(sent)
    alone = sent.events == "one"
    headers = {"X-Event-Id": answered.events[0].event_id} if alone else None
    content, media_type = _render(call, answered, alone=alone)
    afterwards = call.afterwards([(sent, answered)])
    answer = Response(content, HTTPStatus.OK, headers, media_type, afterwards)
    return await call.record(answered.events, answer, ticket, answered.serving)


def _render(call: Call, answered: Answered, *, alone: bool) -> Rendered:
    events = answered.events
    if call.shape == "canonical":
        if alone:
            return Rendered(events[0].event.encode(), JSON)
        answer = {"events": [recorded(event) for event in events], "version_info": answered.serving.versions_json}
        return Rendered(orjson.dumps(answer), JSON)
    told = [Told.of(event.event_id, event.record, event.event) for event in events]
    return render_one(told[0], call.shape) if alone else render_all(told, call.shape)


def recorded(event: Event) -> dict[str, object]:
    """An event with its id, as `RecordedEvent`."""
    return {"event_id": event.event_id, "event": orjson.Fragment(event.event)}


for path in (ROUTE, "/map"):
    router.add_api_route(
        path,
        map_one,
        methods=["POST"],
        summary="Map one detector output to a canonical event, or to one for each finding",
        responses={200: _EVENT, **openapi.problems(*PROBLEMS, *_SINGLE)},
        openapi_extra=openapi.body(MapRequest, SCOPE, idempotent=True),
    )
