"""The published OpenAPI 3.1 document: bodies and problems, which the lean handlers do not declare by types."""

from collections.abc import Mapping
from typing import Any, Literal

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from mapper_domain.events import CanonicalEvent
from mapper_serving.bodies import BatchAnswer, BatchRequest, EventList, MapRequest
from mapper_serving.identity.principal import Scope
from mapper_serving.problems import KINDS, MEDIA_TYPE, Code, ProblemDocument
from mapper_serving.proposal_bodies import ProposeRequest

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
VERSION_HEADERS = ("X-Taxonomy-Version", "X-Frameworks-Version", "X-Release")


def body(model: type[BaseModel], scope: Scope) -> Mapping[str, Any]:
    """The `openapi_extra` of a route that reads this JSON body and needs a credential with this scope."""
    content = {"application/json": {"schema": _ref(model)}}
    return {"requestBody": {"required": True, "content": content}, **needs(scope)}


def needs(scope: Scope) -> Mapping[str, Any]:
    """The part of a route's `openapi_extra` that declares the scope its handler requires of the caller."""
    return {"security": [{name: [scope]} for name in _SECURITY]}


def answer(model: type[BaseModel], description: str, *headers: str) -> dict[str, Any]:
    """A response with this JSON body and these headers."""
    return {
        "description": description,
        "content": {"application/json": {"schema": _ref(model)}},
        "headers": {name: {"schema": {"type": "string"}, "required": True} for name in headers},
    }


def either(first: Mapping[str, Any], model: type[BaseModel], *headers: str) -> dict[str, Any]:
    """A response as `first`, or with another body that lacks these headers."""
    schemas = [first["content"]["application/json"]["schema"], _ref(model)]
    declared = {name: {**header, "required": name not in headers} for name, header in first["headers"].items()}
    return {**first, "content": {"application/json": {"schema": {"oneOf": schemas}}}, "headers": declared}


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
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
