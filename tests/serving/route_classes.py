"""Every route of the application, and in which class it is: open to all, or only to a tenant's own credential.

A route in neither class, or one that takes something this file cannot fill in, fails the tests that use it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from starlette.routing import Route

OPEN = frozenset(
    {
        ("GET", "/livez"),
        ("GET", "/readyz"),
        ("GET", "/startupz"),
        ("GET", "/metrics"),
        ("GET", "/version"),
        ("GET", "/openapi.json"),
        ("HEAD", "/openapi.json"),
    }
)
"""Routes that answer anybody, because what they say concerns no tenant."""

BODIES: Mapping[str, dict[str, Any]] = {
    "MapRequest": {"detector": "presidio", "output": "US_SSN", "metadata": {"environment": "dev"}},
    "BatchRequest": {"items": [{"detector": "presidio", "output": "US_SSN"}]},
    "ProposeRequest": {"detector": "acme-guard", "labels": [{"label": "hate_threat"}]},
}
"""A sound body by the name of its schema."""

TENANT_NAMES = ("tenant", "tenant_id")


class NoClass(AssertionError):
    """A route that no test of tenants covers; say in this file what it is."""


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        path: as declared, with its parameters.
        scopes: what a credential must be good for; None on a route that is open.
        body: name of the schema of its body, or None.
        parameters: names of what it takes in path and query, by place.
    """

    method: str
    path: str
    scopes: frozenset[str] | None
    body: str | None
    parameters: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def example(self) -> dict[str, Any] | None:
        """A sound body, if it takes one."""
        if self.body is None:
            return None
        if self.body not in BODIES:
            raise NoClass(f"{self}: add an example of {self.body} to BODIES")
        return BODIES[self.body]


def operations(app: FastAPI) -> list[Operation]:
    """Every operation of the application, whether it is in the published document or not."""
    return [operation for route in app.routes for operation in _of(route, app.openapi())]


def _of(route: object, document: Mapping[str, Any]) -> Iterator[Operation]:
    if not isinstance(route, Route):
        raise NoClass(f"{route!r}: only HTTP routes are covered")
    for method in sorted(route.methods or ()):
        spec = document["paths"].get(route.path, {}).get(method.lower(), {})
        security = spec.get("security")
        is_open = (method, route.path) in OPEN
        if is_open == bool(security):
            raise NoClass(f"{method} {route.path}: declare the scopes it needs (openapi.needs), or add it to OPEN")
        content = spec.get("requestBody", {}).get("content", {})
        schemas = [media["schema"]["$ref"].rpartition("/")[2] for media in content.values()]
        yield Operation(
            method,
            route.path,
            None if is_open else frozenset(scope for way in security for scopes in way.values() for scope in scopes),
            schemas[0] if schemas else None,
            {
                place: tuple(known["name"] for known in spec.get("parameters", ()) if known["in"] == place)
                for place in ("path", "query")
            },
        )
