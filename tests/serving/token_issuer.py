"""An issuer of access tokens with keys of its own, and the loopback server that publishes them."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.registry import HeaderParameter

ISSUER = "https://issuer.example"
AUDIENCE = "llama-mapper"
SIGNING = ["ES256", "ES384", "RS256", "RS384", "PS256", "HS256"]


@dataclass
class Issuer:
    """Signs tokens; `listed` are the ids of the keys it publishes."""

    keys: dict[str, ECKey | RSAKey] = field(default_factory=dict)
    listed: list[str] = field(default_factory=list)

    def add(self, key_id: str, kind: str = "EC") -> "Issuer":
        """Publish a new key, first in the list."""
        made = ECKey.generate_key("P-256") if kind == "EC" else RSAKey.generate_key(2048)
        self.keys[key_id] = made
        self.listed.insert(0, key_id)
        return self

    def token(
        self,
        key_id: str = "first",
        *,
        alg: str = "ES256",
        header: dict[str, object] | None = None,
        without: tuple[str, ...] = (),
        **claims: object,
    ) -> str:
        """A token for acme that may map, good for ten minutes, but for what is said otherwise."""
        now = int(time.time())
        all_claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "scanner",
            "client_id": "pipeline",
            "jti": "0123",
            "iat": now,
            "exp": now + 600,
            "tenant_id": "acme",
            "scope": "map:write",
            **claims,
        }
        kept = {name: value for name, value in all_claims.items() if name not in without}
        vendor = {"vendor": HeaderParameter("an extension", "int")} if "crit" in (header or {}) else {}
        registry = JWSRegistry(vendor, SIGNING, strict_check_header=False)
        full = {"typ": "at+jwt", "alg": alg, "kid": key_id, **(header or {})}
        kept_header = {name: value for name, value in full.items() if name not in without}
        return jwt.encode(kept_header, kept, self.keys[key_id], registry=registry, default_type=None)

    def published(self) -> bytes:
        """The JWK Set."""
        keys = [{**self.keys[key_id].as_dict(private=False), "kid": key_id, "use": "sig"} for key_id in self.listed]
        return json.dumps({"keys": keys}).encode()

    def write(self, path: Path) -> Path:
        """The JWK Set as a file."""
        path.write_bytes(self.published())
        return path


@dataclass
class Published:
    """The loopback server's state: what it answers with, and how often it was asked."""

    url: str
    body: bytes
    status: int = 200
    asked: int = 0


@contextmanager
def serving(body: bytes) -> Iterator[Published]:
    """A JWKS server on 127.0.0.1."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked += 1
            self.send_response(state.status)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    state = Published(f"http://127.0.0.1:{server.server_port}/jwks.json", body)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
