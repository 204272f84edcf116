"""Answers as HTTP: JSON, problems, and the headers every answer carries. What they say is decided elsewhere."""

from collections.abc import Iterable, Mapping, MutableMapping
from http import HTTPStatus
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.responses import Response

from mapper_serving.problems import MEDIA_TYPE, Code, Refusal
from mapper_serving.state import Serving

VERSION_HEADERS = ("X-Taxonomy-Version", "X-Frameworks-Version", "X-Release")
JSON = "application/json"
CLOSE = ((b"connection", b"close"),)
RawHeaders = tuple[tuple[bytes, bytes], ...]
_EXTRA = "llama_mapper.headers"
_STAMP = "llama_mapper.stamp"


def json(content: bytes | BaseModel, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of JSON."""
    body = content if isinstance(content, bytes) else content.model_dump_json().encode()
    return Response(body, status_code=status, headers=headers, media_type=JSON)


def respond(refusal: Refusal, instance: str | None = None) -> Response:
    """The problem as an HTTP response, with the headers its status asks for."""
    headers: dict[str, str] = {}
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="llama-mapper"'
    if refusal.code is Code.INSUFFICIENT_SCOPE:  # RFC 6750, section 3.1
        headers["WWW-Authenticate"] = 'Bearer realm="llama-mapper", error="insufficient_scope"'
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    body = orjson.dumps(refusal.document(instance).model_dump(mode="json"))
    return Response(body, status_code=refusal.status, headers=headers, media_type=MEDIA_TYPE)


def version_headers(serving: Serving) -> dict[str, str]:
    """The version headers as text."""
    return dict(zip(VERSION_HEADERS, (value.decode() for _, value in serving.version_headers), strict=True))


def stamp(scope: MutableMapping[str, Any], serving: Serving) -> None:
    """Note which versions answer a request; `headers_of` has them. Without it, those in service are meant."""
    scope[_STAMP] = serving.version_headers


def unstamped(scope: MutableMapping[str, Any]) -> None:
    """Note that the answer carries its versions itself, because it was given earlier."""
    scope[_STAMP] = ()


def put_headers(scope: MutableMapping[str, Any], headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Have headers on the answer to a request, whatever the answer will be; each replaces an earlier one."""
    scope.setdefault(_EXTRA, {}).update(headers)


def headers_of(scope: Mapping[str, Any], current: Serving) -> Iterable[tuple[bytes, bytes]]:
    """The headers of a request's answer besides the answer's own: versions, and what `put_headers` was given."""
    stamped: RawHeaders | None = scope.get(_STAMP)
    return (*(current.version_headers if stamped is None else stamped), *scope.get(_EXTRA, {}).items())
