"""A bridge for tests: ClickHouse's HTTP interface, as far as its Python client needs it, over chDB's real engine.

It is not a ClickHouse server. What it lets tests do is to go over the wire, with a password, and to take the other
side away. It is a process of its own, because an engine owns its folder: `python clickhouse_bridge.py PORT FOLDER`.
"""

import base64
import gzip
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

USER, PASSWORD = "mapper", "mapper-secret"
_INSERT = re.compile(r"(INSERT INTO .+?)\s+FORMAT\s+(\w+)\s*$", re.DOTALL)


class ClickHouseBridge:
    """The bridge in a folder, on a free port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """As `MAPPER_CLICKHOUSE_URL` has it."""
        return f"http://{USER}:{PASSWORD}@127.0.0.1:{self.port}/default"

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen([sys.executable, __file__, str(self.port), str(self._folder)])
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ping", timeout=5):
                    return
            except OSError:
                assert self._process.poll() is None, "the bridge ended before it answered"
                assert time.monotonic() < end, "the bridge did not answer in time"
                time.sleep(0.1)

    def kill(self) -> None:
        """End it at once."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@contextmanager
def clickhouse_bridge() -> Iterator[ClickHouseBridge]:
    """A new bridge, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="mapper-clickhouse-") as folder:
        bridge = ClickHouseBridge(Path(folder))
        try:
            yield bridge
        finally:
            bridge.kill()


def serve(port: int, folder: str) -> None:
    """Answer until killed."""
    import chdb

    connection, lock = chdb.connect(folder), threading.Lock()

    class Requests(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(200, b"Ok.\n") if self.path == "/ping" else self._run(b"")

        def do_POST(self) -> None:
            self._run(self._body())

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return _decoded(body, self.headers.get("Content-Encoding", ""))

        def _run(self, body: bytes) -> None:
            given = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            if self.headers.get("Authorization") != f"Basic {given}":
                self._answer(403, b"Code: 516. DB::Exception: Authentication failed.", code="516")
                return
            asked = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
            query = asked.get("query", [""])[0]
            query, body = (query, body) if query else (body.decode(), b"")
            form = self.headers.get("X-ClickHouse-Format") or asked.get("default_format", ["TabSeparated"])[0]
            try:
                with lock, tempfile.NamedTemporaryFile() as data:
                    if insert := _INSERT.fullmatch(query.strip()):
                        data.write(body)
                        data.flush()
                        query = f"{insert[1]} FROM INFILE '{data.name}' FORMAT {insert[2]}"
                    self._answer(200, connection.query(query, form).bytes())
            except RuntimeError as error:
                self._answer(500, str(error).encode(), code="1000")

        def _answer(self, status: int, body: bytes, code: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-ClickHouse-Summary", "{}")
            self.send_header("X-ClickHouse-Timezone", "UTC")
            if code:
                self.send_header("X-ClickHouse-Exception-Code", code)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Requests).serve_forever()


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return gzip.decompress(body)
    if encoding == "zstd":
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj().decompress(body)
    if encoding == "lz4":
        import lz4.frame

        return bytes(lz4.frame.decompress(body))
    return body


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
