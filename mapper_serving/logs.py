"""Logs: JSON lines of metadata, with the ids of the request they are about, never what a caller sent.

An error is logged by its type and place, because its message might hold input. So might what a library says: of its
messages the template is logged without its arguments, and a message without arguments, which may be one that was put
together already, is left out. Only those speak freely that know of no input: uvicorn, about addresses and signals, and
the exporter of traces, about its collector.
"""

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from typing import Any

import structlog

from mapper_serving import tracing

Event = MutableMapping[str, Any]
FREE = ("uvicorn", "opentelemetry.exporter")
WITHHELD = "(a library's message, which might hold input)"


class _ToStderr(logging.Handler):
    """Writes to standard error as it is at that moment, so that whoever redirects it gets everything."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")


def configure(level: str) -> None:
    """Send structlog and the standard library's loggers (uvicorn's too) to standard error as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        request_ids,
        error_place,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = _ToStderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[template, *shared],
            pass_foreign_args=True,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"


def capture_the_rest() -> None:
    """Log warnings, and errors that end a thread, as everything else; Python would print their messages."""
    logging.captureWarnings(True)
    threading.excepthook = lambda failed: structlog.get_logger(__name__).error(
        "thread.failed", thread=failed.thread.name if failed.thread else "", exc_info=failed.exc_value
    )


def request_ids(_logger: object, _method: str, event: Event) -> Event:
    """Add the ids of the request that is being answered; `X-Request-Id` of its answer has the second."""
    if (trace := tracing.current()) is not None:
        event["trace_id"], event["request_id"] = trace.trace_id, trace.request_id
    return event


def template(_logger: object, _method: str, event: Event) -> Event:
    """Replace a library's message by its template, and name the library."""
    record: logging.LogRecord = event["_record"]
    arguments = event.pop("positional_args")
    event["logger"] = record.name
    if not record.name.startswith(FREE):
        event["event"] = record.msg if arguments and isinstance(record.msg, str) else WITHHELD
    elif str(event["event"]).startswith("Traceback"):  # why the service could not begin: its last line says it
        event["event"] = str(event["event"]).rstrip().rpartition("\n")[2]
    return event


def error_place(_logger: object, _method: str, event: Event) -> Event:
    """Replace an exception by its type and the files and lines it passed through."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["at"] = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)][-6:]
    return event
