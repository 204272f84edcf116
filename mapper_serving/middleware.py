"""Around every request: metrics, trace, the headers every answer has, and a last resort that repeats nothing of it."""

import time
from collections.abc import Iterable, Mapping

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mapper_serving.problems import Code, Refusal
from mapper_serving.responses import CLOSE, headers_of, respond
from mapper_serving.routes.lean import Endpoint
from mapper_serving.service import Service

CLIENT_CLOSED = 499
START = "http.response.start"
log = structlog.get_logger(__name__)


class Observe:
    """Counts and times requests by path template and status; turns an unexpected error into a bare problem."""

    def __init__(self, app: ASGIApp, direct: Mapping[tuple[str, str], Endpoint]) -> None:
        """Around an application.

        Args:
            app: answers what nobody answers directly.
            direct: endpoints by method and path that are called at once, without matching every route.
        """
        self._app = app
        self._direct = direct

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        state = scope["app"].state
        service: Service = state.service
        trace = state.tracing.begin(scope["headers"])
        endpoint = self._direct.get((scope["method"], scope["path"]))
        status = 0

        def headers(own: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
            closing = CLOSE if service.leaving.is_set() else ()
            return [*own, *headers_of(scope, service.releases.current), *trace.headers, *closing]

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == START:
                status = message["status"]
                message["headers"] = headers(message["headers"])
            await send(message)

        try:
            if endpoint is None:
                await self._app(scope, receive, watch)
            else:
                response = await endpoint(Request(scope, receive))
                status = response.status_code
                await send({"type": START, "status": status, "headers": headers(response.raw_headers)})
                await send({"type": "http.response.body", "body": response.body})
                if response.background is not None:
                    await response.background()
        except ClientDisconnect:
            status = CLIENT_CLOSED
        except Exception as error:  # the framework would log the message, which may hold input
            log.error("request.failed", route=_template(scope, endpoint), exc_info=error)
            if not status:
                await respond(Refusal(Code.INTERNAL_ERROR, "The service failed; it has been logged."))(
                    scope, receive, watch
                )
        route = _template(scope, endpoint)
        trace.end(scope["method"], route, status)
        service.metrics.count("mapper_requests_total", route, str(status))
        seconds = time.monotonic() - started
        service.metrics.observe("mapper_request_duration_seconds", seconds, route)
        if service.settings.log_level == "debug":
            log.debug("request.answered", route=route, status=status, seconds=round(seconds, 6))


def _template(scope: Scope, endpoint: Endpoint | None) -> str:
    """The path as it was declared; what the caller wrote never becomes a label."""
    if endpoint is not None:
        return str(scope["path"])
    return getattr(scope.get("route"), "path", "unmatched")
