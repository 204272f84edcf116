"""Canaries: secrets planted in every place of every operation there is. Places come from the published schemas."""

import copy
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final
from urllib.parse import quote

from route_classes import BODIES, Operation

CANARIES: Final = (
    "523-45-6789",
    "4111 1111 1111 1111",
    "jane.canary@example.com",
    "AKIACANARY1234567890",
    "sk-canary1234abcd5678",
    "Jane Canary",
    "canary-hunter2",
    "eyJhbGciOiJIUzI1NiJ9.canary",
    "the patient canary was treated for asthma",
)
HEADERS: Final = (
    "Authorization",
    "X-API-Key",
    "X-Tenant-ID",
    "Accept",
    "Content-Type",
    "If-None-Match",
    "User-Agent",
    "Cookie",
    "Referer",
    "X-Forwarded-For",
    "X-Request-Id",
    "traceparent",
    "tracestate",
    "baggage",
    "X-Unheard-Of",
)
"""Headers somebody might read, whether an operation declares them or not."""

TRACEPARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ANYTHING: Final = "JsonValue"
_STRANGER: Final = {"detector": "our-new-guard", "output": "lure", "events": "per_finding"}
Path = tuple[str | int, ...]


def needles() -> set[str]:
    """What must not be found: every canary, and as it is in a URL."""
    return {*CANARIES, *map(quote, CANARIES)}


def bodies(operation: Operation, document: Mapping[str, Any], canary: str) -> Iterator[dict[str, Any]]:
    """Bodies with the canary in one place each; sound but for that."""
    if operation.body is None:
        return
    yield from _planted(operation.body, operation.example or {}, document, canary)
    if operation.body == "BatchRequest":
        yield {"items": [*_planted("MapRequest", BODIES["MapRequest"], document, canary), canary]}
    if operation.body == "MapRequest":
        yield from _planted("MapRequest", _STRANGER, document, canary)


def headers(operation: Operation, document: Mapping[str, Any]) -> tuple[str, ...]:
    """Headers to plant in: the usual ones and those the operation declares."""
    declared = _spec(operation, document).get("parameters", ())
    return (*HEADERS, *(known["name"] for known in declared if known["in"] == "header"))


def queries(operation: Operation, canary: str) -> Iterator[str]:
    """Query strings with the canary in each parameter, and in one and as one that nobody declared."""
    for name in (*operation.parameters["query"], "unheard-of"):
        yield f"?{name}={quote(canary)}"
    yield f"?{quote(canary)}=1"


def _planted(
    schema: str, example: Mapping[str, Any], document: Mapping[str, Any], canary: str
) -> Iterator[dict[str, Any]]:
    schemas = document["components"]["schemas"]
    for path, anything in _places({"$ref": f"#/{schema}"}, schemas):
        for value in _shapes(canary) if anything else (canary,):
            yield _put(example, path, value)


def _places(schema: Mapping[str, Any], schemas: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, bool]]:
    """Every place of a schema and whether any JSON may stand there; with fields nobody declared."""
    name = schema.get("$ref", "").rpartition("/")[2]
    if name == ANYTHING:
        yield path, True
        return
    found = schemas[name] if name else schema
    if "properties" in found:
        for key, inner in found["properties"].items():
            yield from _places(inner, schemas, (*path, key))
        yield (*path, "unheard_of"), False
        yield (*path, ""), False
    elif "items" in found:
        yield path, False
        yield from _places(found["items"], schemas, (*path, 0))
    else:
        yield path, False


def _shapes(canary: str) -> Iterator[Any]:
    """Detectors' answers with the canary somewhere in them."""
    yield canary
    yield f"{canary}\n{canary}"
    yield [canary, "lure"]
    yield {"label": canary}
    yield [{"label": "lure", "field": canary}, {"label": "lure", "description": canary}]
    yield [{"entity_type": "PERSON", "score": 0.9, "text": canary, "start": 0, "end": 9}]
    yield [{"entity_type": canary, "score": 0.9}]
    yield {"findings": {"deep": [[canary]], canary: canary}}
    yield f'[{{"entity_type": "{canary}", "score": 0.9}}]'
    yield f'{{"cut": "{canary}'


def _put(example: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """The example with a value at a path; an empty last part makes the value a field's name instead."""
    body: Any = copy.deepcopy(dict(example))
    place = body
    for part, following in pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(place, list):
            place = place[part] if len(place) > part else place.append(empty) or place[-1]
        else:
            place = place.setdefault(part, empty)
    if isinstance(path[-1], int):
        place[path[-1] : path[-1] + 1] = [value]
    elif path[-1] == "":
        place[value] = 1
    else:
        place[path[-1]] = value
    found: dict[str, Any] = body
    return found


def _spec(operation: Operation, document: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = document["paths"].get(operation.path, {}).get(operation.method.lower(), {})
    return found
