"""`GET /livez`, `/startupz`, `/readyz`: whether the process runs, has begun, and should be sent requests."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import Response

from mapper_serving import openapi
from mapper_serving.listings import AskedTrial
from mapper_serving.responses import json
from mapper_serving.service import Service

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str = "alive"


class Started(BaseModel):
    """Whether the replica has begun: its release was loaded or refused, and until then it may take its time."""

    started: bool


class Readiness(BaseModel):
    """Whether this replica should be sent requests, and why not.

    Attributes:
        status: `ready` or `not-ready`.
        mode: `model` with a release, `rules` without.
        release: the release that serves, or `rules`.
        refused: why the release the pointer names does not serve, or empty; the last good one does meanwhile.
        trials: canary and shadow the pointer asks for, whether they serve, and why not.
        degraded: why the model answers with less than it should, or empty; requests are answered all the same.
        problems: what keeps the replica from being ready.
        pending: rows that wait to be shipped.
    """

    status: str
    mode: str
    release: str
    refused: str
    trials: tuple[AskedTrial, ...]
    degraded: str
    problems: tuple[str, ...]
    pending: int


ANSWERS = (Alive, Started, Readiness)


@router.get("/livez", responses={200: openapi.answer(Alive, "The process answers.")})
async def livez() -> Response:
    """Always 200: whoever reads it knows that the event loop turns."""
    return json(Alive())


@router.get(
    "/startupz",
    responses={200: openapi.answer(Started, "Begun."), 503: openapi.answer(Started, "Still loading.")},
)
async def startupz(request: Request) -> Response:
    """200 once, and from then on always; for a startup probe."""
    service: Service = request.app.state.service
    started = service.releases.settled
    return json(Started(started=started), HTTPStatus.OK if started else HTTPStatus.SERVICE_UNAVAILABLE)


@router.get(
    "/readyz",
    responses={200: openapi.answer(Readiness, "Ready."), 503: openapi.answer(Readiness, "Not ready; see problems.")},
)
async def readyz(request: Request) -> Response:
    """200 when requests would be answered and recorded."""
    state = readiness(request.app.state.service)
    status = HTTPStatus.OK if state.status == "ready" else HTTPStatus.SERVICE_UNAVAILABLE
    return json(state, status)


def readiness(service: Service) -> Readiness:
    """What `/readyz` answers."""
    problems = []
    if service.leaving.is_set():
        problems.append("The service is shutting down.")
    if not service.releases.settled:
        problems.append("The release is still being loaded.")
    problems.extend(service.identity.problems)
    if not service.outbox.accepts:
        problems.append(service.outbox.problem or "The outbox is full or closed.")
    serving = service.releases.current
    return Readiness(
        status="not-ready" if problems else "ready",
        mode="rules" if serving.engine is None else "model",
        release=serving.versions.release,
        refused=service.releases.refused,
        trials=tuple(AskedTrial(**trial._asdict()) for trial in service.releases.trials),
        degraded=serving.engine.problem if serving.engine else "",
        problems=tuple(problems),
        pending=service.outbox.pending,
    )
