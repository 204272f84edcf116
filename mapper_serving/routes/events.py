"""`GET /v1/events`: what the caller's tenant has had recorded, page by page, from the moment it was acknowledged."""

import re
from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Final, NamedTuple

import orjson
import structlog
from fastapi import APIRouter, Request
from starlette.responses import Response

from mapper_serving import cursors, openapi
from mapper_serving.cursors import Place
from mapper_serving.history import HistoryUnreadable, Past
from mapper_serving.identity.authentication import refuse_other_tenant
from mapper_serving.identity.principal import Scope, Tenant
from mapper_serving.listings import EventPage
from mapper_serving.problems import Code, FieldProblem, Refusal
from mapper_serving.rendering.accept import render_all, rendering
from mapper_serving.rendering.told import Told
from mapper_serving.responses import JSON, stamp
from mapper_serving.routes.admission import admit
from mapper_serving.routes.lean import Lean, header, unattributed
from mapper_serving.service import Service

log = structlog.get_logger(__name__)
router = APIRouter(tags=["events"], route_class=Lean)
SCOPE: Scope = "reports:read"
MOST: Final = 1000
USUAL: Final = 100
BEGINNING: Final = Place("0000-00-00", 0)
_PROBLEMS = (
    Code.INVALID_CURSOR,
    Code.UNAUTHENTICATED,
    Code.INSUFFICIENT_SCOPE,
    Code.TENANT_MISMATCH,
    Code.INVALID_REQUEST,
    Code.RATE_LIMITED,
    Code.INTERNAL_ERROR,
    Code.EVENTS_UNAVAILABLE,
)
_PARAMETERS = [
    {
        "name": "day",
        "in": "query",
        "schema": {"type": "string", "format": "date"},
        "description": "Only events that occurred on this UTC day.",
    },
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
        "description": "Most events of the page.",
    },
    {
        "name": "cursor",
        "in": "query",
        "schema": {"type": "string"},
        "description": "`next` of an earlier page; bound to its tenant and its `day`.",
    },
]


class _Asked(NamedTuple):
    day: str | None
    after: Place
    limit: int


@router.get(
    "/v1/events",
    summary="The tenant's own events, by UTC day and sequence",
    responses={
        200: openapi.rendered(openapi.answer(EventPage, "A page; `next` asks for what comes after it.", "Link")),
        **openapi.problems(*_PROBLEMS),
    },
    openapi_extra={"parameters": _PARAMETERS, **openapi.needs(SCOPE)},
)
async def events(request: Request) -> Response:
    """A page of events. `next` is always there: it may be asked for again when there are new ones."""
    service: Service = request.scope["app"].state.service
    try:
        principal = await admit(request)
        principal.require(SCOPE)
        tenant = principal.tenant
        refuse_other_tenant(request.scope["headers"], tenant)
        asked = _asked(request, tenant)
        found = await _read(service, tenant, asked)
    except Refusal as refusal:
        return unattributed(service, refusal)
    page, more = found[: asked.limit], len(found) > asked.limit
    serving = service.releases.current
    stamp(request.scope, serving)
    following = cursors.encode(page[-1].place if page else asked.after, tenant, asked.day or "")
    headers = {"Link": _link(asked, following), "Cache-Control": "no-store"}
    shape = rendering(header(request, b"accept"))
    if shape != "canonical":
        body, media_type = render_all([_told(past) for past in page], shape)
        return Response(body, HTTPStatus.OK, headers, media_type)
    answer = {
        "events": [past.json(tenant.id) for past in page],
        "next": following,
        "more": more,
        "version_info": serving.versions_json,
    }
    return Response(orjson.dumps(answer, option=orjson.OPT_UTC_Z), HTTPStatus.OK, headers, JSON)


async def _read(service: Service, tenant: Tenant, asked: _Asked) -> list[Past]:
    try:
        return await service.history.page(tenant.id, asked.day, asked.after, asked.limit + 1)
    except HistoryUnreadable as error:
        log.warning("events.unavailable", exc_info=error.__cause__)
        raise Refusal(Code.EVENTS_UNAVAILABLE, f"{error} Try again later.") from None


def _asked(request: Request, tenant: Tenant) -> _Asked:
    sent: Mapping[str, str] = request.query_params
    wrong = []
    if set(sent) - {"day", "limit", "cursor"}:
        wrong.append(FieldProblem(pointer="", detail="Only day, limit and cursor may be asked for."))
    day, limit = sent.get("day"), sent.get("limit", str(USUAL))
    if day is not None and not _is_day(day):
        wrong.append(FieldProblem(pointer="/day", detail="Must be a date as 2026-11-23."))
    if not re.fullmatch(r"[0-9]{1,4}", limit) or not 1 <= int(limit) <= MOST:
        wrong.append(FieldProblem(pointer="/limit", detail=f"Must be a number from 1 to {MOST}."))
    if wrong:
        raise Refusal(Code.INVALID_REQUEST, "The query cannot be used; see errors.", wrong)
    cursor = sent.get("cursor")
    after = cursors.decode(cursor, tenant, day or "") if cursor is not None else BEGINNING
    return _Asked(day, after, int(limit))


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _link(asked: _Asked, following: str) -> str:
    """The next page as RFC 8288 has it."""
    day = f"day={asked.day}&" if asked.day else ""
    return f'</v1/events?{day}limit={asked.limit}&cursor={following}>; rel="next"'


def _told(past: Past) -> Told:
    occurred_at: str = past.record["occurred_at"].isoformat().replace("+00:00", "Z")
    return Told(past.event_id, occurred_at, orjson.loads(past.event), past.record["versions"], past.record["controls"])
