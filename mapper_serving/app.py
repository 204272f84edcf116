"""Builds the application: the one place where its parts meet."""

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from http import HTTPStatus

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mapper_serving import openapi
from mapper_serving.answers import ProposalAnswer
from mapper_serving.engines.base import OpenEngine
from mapper_serving.engines.opening import opener
from mapper_serving.listings import EventPage, ReleaseList
from mapper_serving.middleware import Observe
from mapper_serving.patience import Patience
from mapper_serving.problems import Code, Refusal
from mapper_serving.responses import respond
from mapper_serving.routes import batch, catalogue, events, health, lean, mapping, metrics, proposals, releases, version
from mapper_serving.service import initial, running
from mapper_serving.settings import Settings
from mapper_serving.state import Serving
from mapper_serving.tracing import Tracing


def create_app(
    settings: Settings | None = None, *, first: Serving | None = None, open_engine: OpenEngine | None = None
) -> FastAPI:
    """The service as an ASGI application; files and threads are opened when its lifespan begins.

    Args:
        settings: by default from `MAPPER_*`.
        first: what answers until a release is loaded; by default the rules of the catalogue at `settings.root`.
        open_engine: how a release's engine is opened; by default as `settings.engine` says.

    Raises:
        CatalogError: when there is neither a usable catalogue nor a release.
        ReleaseError: when there is no usable catalogue and the release cannot be used either.
        EngineError: when the engine that is asked for is not installed.
    """
    settings = settings or Settings()
    closing = ExitStack()
    if open_engine is None:
        open_engine = shared = opener(settings)
        closing.callback(shared.close)
    first = first or initial(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        tracing = app.state.tracing = Tracing.from_environment(version.service_version())
        closing.callback(tracing.close)
        with closing:
            async with running(settings, first, open_engine) as service:
                app.state.service = service
                yield

    app = FastAPI(
        title="Llama Mapper",
        summary="Maps what detectors say to one taxonomy, and records every answer.",
        version=version.service_version(),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.patience = Patience(settings.request_seconds)
    for part in (mapping, batch, proposals, events, catalogue, releases, health, metrics, version):
        app.include_router(part.router)
    app.add_middleware(Observe, direct=lean.direct(app.routes))
    app.add_exception_handler(HTTPException, _plain_problem)
    openapi.install(
        app, ProposalAnswer, *health.ANSWERS, *catalogue.ANSWERS, ReleaseList, EventPage, version.VersionInfo
    )
    return app


async def _plain_problem(_request: Request, error: Exception) -> Response:
    """Problems the framework finds by itself: no such path, no such method."""
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response = respond(Refusal(Code.METHOD_NOT_ALLOWED, "See /openapi.json for the methods of this path."))
        response.headers.update(error.headers or {})
        return response
    if isinstance(error, HTTPException) and error.status_code == HTTPStatus.NOT_FOUND:
        return respond(Refusal(Code.NOT_FOUND, "See /openapi.json for the paths of this service."))
    raise error
