"""The published OpenAPI 3.1 document: bodies, headers and problems, which lean handlers do not declare by types.

`docs/openapi.json` is what `make openapi` made of it; a test holds the file to it.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mapper_domain.events import CanonicalEvent
from mapper_serving.answers import BatchAnswer, EventList
from mapper_serving.bodies import BatchRequest, MapRequest
from mapper_serving.identity.principal import Scope
from mapper_serving.problems import KINDS, MEDIA_TYPE, Code, ProblemDocument
from mapper_serving.proposal_bodies import ProposeRequest
from mapper_serving.rendering import cloudevents, ocsf

_REF = "#/components/schemas/{model}"
_PUBLISHED: tuple[type[BaseModel], ...] = (
    MapRequest,
    BatchRequest,
    CanonicalEvent,
    EventList,
    BatchAnswer,
    ProblemDocument,
    ProposeRequest,
)
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or an access token of RFC 9068."},
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_TEXT: Mapping[str, Any] = {"type": "string"}
_ALWAYS: Mapping[str, str] = {
    "X-Taxonomy-Version": "Version of the taxonomy that answered.",
    "X-Frameworks-Version": "Version of the frameworks and their mappings.",
    "X-Release": "The release that answered, or `rules` without one.",
}
_LIMITED: Mapping[str, str] = {
    "RateLimit-Policy": "Quotas by policy (draft-ietf-httpapi-ratelimit-headers).",
    "RateLimit": "What is left of the nearest quota.",
}
_REPLAYED: Mapping[str, Any] = {
    "Idempotency-Replayed": {
        "description": "Only on an answer that was given before to a request with this Idempotency-Key.",
        "schema": {"type": "string", "const": "true"},
    }
}
_IDEMPOTENCY_KEY: Mapping[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 257},
    "description": "Under the same key the same request is answered once, for 24 hours.",
}


def body(model: type[BaseModel], scope: Scope, *, idempotent: bool = False) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads this JSON body and needs a credential with this scope."""
    content = {"application/json": {"schema": _ref(model)}}
    parameters = {"parameters": [_IDEMPOTENCY_KEY]} if idempotent else {}
    return {"requestBody": {"required": True, "content": content}, **parameters, **needs(scope)}


def needs(*scopes: Scope) -> dict[str, Any]:
    """The part of a route's `openapi_extra` that declares the scope its handler requires of the caller, if any."""
    return {"security": [{name: list(scopes)} for name in _SECURITY]}


def answer(model: type[BaseModel], description: str, *headers: str, replayable: bool = False) -> dict[str, Any]:
    """A response with this JSON body and these headers; may be one that was given before."""
    return {
        "description": description,
        "content": {"application/json": {"schema": _ref(model)}},
        "headers": {
            **{name: {"schema": _TEXT, "required": True} for name in headers},
            **(_REPLAYED if replayable else {}),
        },
    }


def either(first: Mapping[str, Any], model: type[BaseModel], *headers: str) -> dict[str, Any]:
    """A response as `first`, or with another body that lacks these headers."""
    schemas = [first["content"]["application/json"]["schema"], _ref(model)]
    declared = {
        name: {**header, "required": False} if name in headers else header for name, header in first["headers"].items()
    }
    return {**first, "content": {"application/json": {"schema": {"oneOf": schemas}}}, "headers": declared}


def rendered(response: Mapping[str, Any]) -> dict[str, Any]:
    """A response of events that `Accept` may ask for in another shape."""
    shapes = {
        cloudevents.MEDIA_TYPE: {"type": "object", "description": "One event as a CloudEvent 1.0."},
        cloudevents.BATCH_MEDIA_TYPE: {"type": "array", "description": "Events as CloudEvents 1.0."},
        ocsf.MEDIA_TYPE: {
            "type": ["object", "array"],
            "description": "One event, or several, as OCSF Detection Findings (class_uid 2004).",
        },
    }
    content = {**response["content"], **{name: {"schema": schema} for name, schema in shapes.items()}}
    return {**response, "content": content}


def problems(*codes: Code) -> dict[int | str, dict[str, Any]]:
    """Problem responses by status; codes that share a status share an entry."""
    found: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        entry = found.setdefault(
            KINDS[code].status, {"description": "", "content": {MEDIA_TYPE: {"schema": _ref(ProblemDocument)}}}
        )
        entry["description"] = ", ".join(filter(None, (entry["description"], f"`{code}`")))
    return found


def install(app: FastAPI, *models: type[BaseModel]) -> None:
    """Let the application publish the document with the schemas its routes refer to, these answers among them."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            published: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
                *((model, "validation") for model in _PUBLISHED),
                *((model, "serialization") for model in models),
            ]
            _, schemas = models_json_schema(published, ref_template=_REF)
            components = made.setdefault("components", {})
            components["schemas"] = {**components.get("schemas", {}), **schemas["$defs"]}
            components["securitySchemes"] = _SECURITY
            components["headers"] = {
                name: {"description": text, "schema": _TEXT, "required": name in _ALWAYS}
                for name, text in {**_ALWAYS, **_LIMITED}.items()
            }
            for operation in (o for operations in made["paths"].values() for o in operations.values()):
                _declare_headers(operation)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _declare_headers(operation: Mapping[str, Any]) -> None:
    """Declare on every response the headers that middleware and admission put there."""
    names = (*_ALWAYS, *(_LIMITED if "security" in operation else ()))
    for response in operation["responses"].values():
        response["headers"] = {
            **response.get("headers", {}),
            **{name: {"$ref": f"#/components/headers/{name}"} for name in names},
        }


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def text(app: FastAPI) -> str:
    """The document as `docs/openapi.json` has it."""
    return json.dumps(app.openapi(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


if __name__ == "__main__":
    from mapper_serving.app import create_app

    sys.stdout.write(text(create_app()))
