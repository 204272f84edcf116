"""What routes with a body share: they read it themselves, and refuse what has no tenant to be charged with."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from mapper_serving.problems import Code, Refusal, respond
from mapper_serving.service import Service


class Lean(APIRoute):
    """A route whose handler reads the body itself, so FastAPI's own reading and its dependencies are left out."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The endpoint itself."""
        handler: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return handler


async def read_body(request: Request, limit: int) -> bytes:
    """The body, read no further than the limit.

    Raises:
        Refusal: `unsupported-media-type` or `body-too-long`.
    """
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "Send JSON with Content-Type: application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refusal(Code.BODY_TOO_LONG, f"A body may take {limit} bytes.")
    return bytes(body)


def unattributed(service: Service, refusal: Refusal) -> Response:
    """Answer a request that is in no tenant's ledger: nobody is known to have sent it, or it is no detector output."""
    service.metrics.count("mapper_rejections_total", refusal.code)
    return respond(refusal)
