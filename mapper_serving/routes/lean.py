"""Routes that read and answer by themselves, past the framework: what every request of the hot path would pay for."""

from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute

from mapper_serving import tracing
from mapper_serving.patience import Patience
from mapper_serving.problems import Code, Refusal
from mapper_serving.responses import CLOSE, put_headers, respond
from mapper_serving.service import Service

Endpoint = Callable[[Request], Awaitable[Response]]


class Lean(APIRoute):
    """A route whose handler reads the request itself, so FastAPI's own reading and its dependencies are left out."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


def direct(routes: Iterable[BaseRoute]) -> Mapping[tuple[str, str], Endpoint]:
    """Endpoints of lean routes by method and path, for whoever answers a request without matching all routes."""
    return {
        (method, route.path): route.endpoint
        for route in routes
        if isinstance(route, Lean) and not route.param_convertors
        for method in route.methods
    }


def header(request: Request, name: bytes) -> bytes | None:
    """The first value of a header, by its lower-case name."""
    for key, value in request.scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None


async def read_body(request: Request, limit: int) -> bytes:
    """The body, read no further than the limit and no longer than a client may take.

    Raises:
        Refusal: `unsupported-media-type`, `body-too-long` or `request-timeout`.
    """
    kind = header(request, b"content-type")
    if kind is not None and kind != b"application/json" and _media_type(kind) != b"application/json":
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "Send JSON with Content-Type: application/json.")
    patience: Patience = request.scope["app"].state.patience
    with tracing.stage("read"):
        try:
            with patience.limit():
                return await _received(request, limit)
        except TimeoutError:
            put_headers(request.scope, CLOSE)  # the rest of the body is not wanted
            raise Refusal(Code.REQUEST_TIMEOUT, f"A body has to be here within {patience.seconds:g} s.") from None


async def _received(request: Request, limit: int) -> bytes:
    body = b""
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk: bytes = message.get("body", b"")
        body += chunk
        if len(body) > limit:
            raise Refusal(Code.BODY_TOO_LONG, f"A body may take {limit} bytes.")
        if not message.get("more_body", False):
            return body


def unattributed(service: Service, refusal: Refusal) -> Response:
    """Answer a request that is in no tenant's ledger: nobody is known to have sent it, or it is no detector output."""
    service.metrics.count("mapper_rejections_total", refusal.code)
    return respond(refusal)


def _media_type(value: bytes) -> bytes:
    return value.partition(b";")[0].strip().lower()
