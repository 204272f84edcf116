"""Around every request: its metrics, and a last resort that answers and logs without repeating the request."""

import time

import structlog
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mapper_serving.problems import Code, Refusal, respond
from mapper_serving.service import Service

CLIENT_CLOSED = 499
log = structlog.get_logger(__name__)


class Observe:
    """Counts and times requests by path template and status; turns an unexpected error into a bare problem."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        status = 0

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except ClientDisconnect:
            status = CLIENT_CLOSED
        except Exception as error:  # the framework would log the message, which may hold input
            log.error("request.failed", route=_template(scope), exc_info=error)
            if not status:
                await respond(Refusal(Code.INTERNAL_ERROR, "The service failed; it has been logged."))(
                    scope, receive, watch
                )
        service: Service = scope["app"].state.service
        route = _template(scope)
        service.metrics.count("mapper_requests_total", route, str(status))
        service.metrics.observe("mapper_request_duration_seconds", time.monotonic() - started, route)


def _template(scope: Scope) -> str:
    """The path as it was declared; what the caller wrote never becomes a label."""
    return getattr(scope.get("route"), "path", "unmatched")
