"""Traces: W3C trace context in and out, and one span for a request and for each of its stages.

Spans are exported by OTLP where the standard `OTEL_*` variables name an endpoint; else a request costs two random
numbers here, which are its ids in answers and logs. Spans hold names and numbers of this program, the tenant and the
release, never anything a caller sent: no path but a template, no message of an error, no `tracestate`, no baggage.
"""

import os
import random
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

import structlog
from opentelemetry import context as contexts
from opentelemetry import trace as otel
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from mapper_serving.problems import Refusal

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

Stage = Literal["authenticate", "read", "map", "ask model", "record"]
Attribute = Literal["mapper.tenant", "mapper.release"]
Headers = Iterable[tuple[bytes, bytes]]

ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL: Final = "http/protobuf"
FLUSH_SECONDS: Final = 3.0
"""How long the end of the service waits for a collector that does not answer."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})

log = structlog.get_logger(__name__)
_NOTHING: Final = nullcontext()
_NO_HEADERS: Final[Mapping[str, str]] = {}
_random = random.Random()  # noqa: S311  (seeded from the system; ids must be unique, they are no secret)


@dataclass(slots=True)
class Trace:
    """One request in its trace.

    Attributes:
        trace_id: the caller's, or a new one; 32 hex digits.
        request_id: the id of the span this service has in the trace, recorded or not; 16 hex digits.
        flags: trace flags; 1 where the request is sampled.
        carried: headers for services that are asked on behalf of a request that is not recorded here.
        tracer: makes the spans of its stages; None where the request is not recorded.
        span: its own.
    """

    trace_id: str
    request_id: str
    flags: int
    carried: Mapping[str, str]
    tracer: otel.Tracer | None = None
    span: otel.Span = otel.INVALID_SPAN

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """For the answer: the request's id, and `traceresponse` as drafted for W3C Trace Context Level 3."""
        response = f"00-{self.trace_id}-{self.request_id}-{self.flags:02x}"
        return (b"x-request-id", self.request_id.encode()), (b"traceresponse", response.encode())

    def end(self, method: str, route: str, status: int) -> None:
        """Note what became of the request; `route` is the path as it was declared."""
        if self.tracer is None:
            return
        known = method if method in METHODS else "_OTHER"
        self.span.update_name(f"{known} {route}")
        self.span.set_attributes(
            {"http.request.method": known, "http.route": route, "http.response.status_code": status}
        )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.span.set_status(otel.StatusCode.ERROR)
        self.span.end()


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current() -> Trace | None:
    """The trace of the request that is being answered, if one is."""
    return _current.get()


def stage(name: Stage) -> AbstractContextManager[None]:
    """A span around a stage of the request; nothing where it is not recorded. Of an error it keeps code or type."""
    trace = _current.get()
    return _NOTHING if trace is None or trace.tracer is None else _span(trace.tracer, name)


def note(attribute: Attribute, value: str) -> None:
    """Put something this service knows on the request's span."""
    trace = _current.get()
    if trace is not None and trace.tracer is not None:
        trace.span.set_attribute(attribute, value)


def outgoing() -> dict[str, str]:
    """Headers by which a service that is asked for the request continues its trace."""
    trace = _current.get()
    if trace is None:
        return {}
    headers = dict(trace.carried)
    if trace.tracer is not None:
        _PROPAGATOR.inject(headers)
    return headers


class Tracing:
    """Begins traces; owns the exporter, where there is one."""

    def __init__(self, provider: "TracerProvider | None" = None) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(__name__) if provider is not None else None

    @classmethod
    def from_environment(cls, version: str) -> "Tracing":
        """As the `OTEL_*` variables say. What cannot be used is logged and left out: the service comes first.

        Args:
            version: of this service.
        """
        chosen = os.environ.get("OTEL_TRACES_EXPORTER", "") or "otlp"
        off = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or chosen == "none"
        if off or not any(map(os.environ.get, ENDPOINTS)):
            return cls()
        asked = next(filter(None, map(os.environ.get, PROTOCOLS)), PROTOCOL)
        if chosen != "otlp" or asked != PROTOCOL:
            log.error("tracing.off", remedy=f"Set OTEL_TRACES_EXPORTER=otlp and {PROTOCOLS[1]}={PROTOCOL}.")
            return cls()
        return cls(_exporting(version))

    def begin(self, headers: Headers) -> Trace:
        """The trace of a request, current from now on in the task that answers it."""
        received = _received(headers)
        trace = _unrecorded(received) if self._tracer is None else _begun(self._tracer, received)
        _current.set(trace)
        return trace

    def close(self) -> None:
        """Export what has ended, within `FLUSH_SECONDS`."""
        if self._provider is not None:
            closing = threading.Thread(target=self._provider.shutdown, daemon=True, name="flush-traces")
            closing.start()
            closing.join(FLUSH_SECONDS)


class _RawHeaders(Getter[Headers]):
    """Reads headers as ASGI has them."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        """Every value of a header; a second `traceparent` makes both invalid."""
        found = [value.decode("latin-1") for name, value in carrier if name == key.encode()]
        return None if not found or (key == "traceparent" and len(found) > 1) else found

    def keys(self, carrier: Headers) -> list[str]:
        """Names of all headers."""
        return [name.decode("latin-1") for name, _ in carrier]


_PROPAGATOR: Final = TraceContextTextMapPropagator()
_GETTER: Final = _RawHeaders()


def _received(headers: Headers) -> otel.SpanContext | None:
    """The caller's context; None where there is no valid one (W3C Trace Context §3.2, §4.3)."""
    for name, _ in headers:
        if name == b"traceparent":
            break
    else:
        return None
    found = otel.get_current_span(_PROPAGATOR.extract(headers, contexts.Context(), _GETTER)).get_span_context()
    return found if found.is_valid else None


def _unrecorded(received: otel.SpanContext | None) -> Trace:
    ids = f"{_random.getrandbits(192):048x}"
    request_id = ids[:16]
    if received is None:
        return Trace(ids[16:], request_id, 0, _NO_HEADERS)
    trace_id, span_id = otel.format_trace_id(received.trace_id), otel.format_span_id(received.span_id)
    # Who records nothing hands on what it got, so that the trace has no gap.
    carried = {"traceparent": f"00-{trace_id}-{span_id}-{received.trace_flags:02x}", **_state(received)}
    return Trace(trace_id, request_id, 0, carried)


def _begun(tracer: otel.Tracer, received: otel.SpanContext | None) -> Trace:
    root = contexts.Context()
    if received is not None:  # without its tracestate, which would be exported
        parent = otel.SpanContext(received.trace_id, received.span_id, True, received.trace_flags)
        root = otel.set_span_in_context(otel.NonRecordingSpan(parent), root)
    span = tracer.start_span("request", root, otel.SpanKind.SERVER)
    own = span.get_span_context()
    recorded = span.is_recording()
    contexts.attach(otel.set_span_in_context(span, root))  # for good: the task ends with the request
    carried = _state(received) if received is not None else {}
    trace = Trace(
        otel.format_trace_id(own.trace_id), otel.format_span_id(own.span_id), int(own.trace_flags), carried, None, span
    )
    if recorded:
        trace.tracer = tracer
    else:
        _PROPAGATOR.inject(carried)
    return trace


def _state(received: otel.SpanContext) -> dict[str, str]:
    return {"tracestate": received.trace_state.to_header()} if received.trace_state else {}


@contextmanager
def _span(tracer: otel.Tracer, name: Stage) -> Iterator[None]:
    with tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
        try:
            yield
        except Refusal as refusal:
            span.set_attribute("error.type", refusal.code)
            raise
        except Exception as error:  # its message might hold input
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(otel.StatusCode.ERROR)
            raise


def _exporting(version: str) -> "TracerProvider":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.version": version})
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "llama-mapper"}))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
