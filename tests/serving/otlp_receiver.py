"""A real OTLP receiver on the loopback: takes traces by HTTP as a collector does, and keeps them."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Received:
    """What came in.

    Attributes:
        bodies: of requests, unpacked.
        headers: of the last request.
    """

    endpoint: str
    bodies: list[bytes] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        """The same, decoded."""
        return [ExportTraceServiceRequest.FromString(body) for body in self.bodies]

    @property
    def every_span(self) -> list[Span]:
        """All spans in the order they came."""
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def spans(self) -> dict[str, Span]:
        """Spans by name; the last of each."""
        return {span.name: span for span in self.every_span}

    @property
    def resource(self) -> dict[str, str]:
        """Attributes of what sent them."""
        return texts(self.requests[-1].resource_spans[0].resource.attributes)


def texts(attributes: Any) -> dict[str, str]:
    """Attributes as text."""
    return {one.key: str(getattr(one.value, one.value.WhichOneof("value"))) for one in attributes}


@contextmanager
def receiver() -> Iterator[Received]:
    """A receiver on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            zipped = self.headers.get("Content-Encoding") == "gzip"
            received.bodies.append(gzip.decompress(body) if zipped else body)
            received.headers.update(self.headers)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Received(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
