"""The published JSON Schema of a canonical event, made from the event's own type and the taxonomy's labels.

    python -m mapper_domain.event_schema > taxonomy/schema.json

writes it anew after a change of taxonomy; a test holds the file to it.
"""

import json
import sys
from pathlib import Path
from typing import Any

from mapper_domain.catalog import load
from mapper_domain.errors import CatalogError
from mapper_domain.events import EVENT_SCHEMA_VERSION, CanonicalEvent
from mapper_domain.taxonomy import Taxonomy
from mapper_domain.tenants import PATTERN

_DESCRIPTION = (
    "One canonical event. `scores` names exactly the labels of `taxonomy`, which JSON Schema cannot say. "
    "No field holds what a detector scanned."
)


def event_schema(taxonomy: Taxonomy) -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of `CanonicalEvent` whose labels are those of one taxonomy version."""
    schema: dict[str, Any] = _without_titles(CanonicalEvent.model_json_schema(mode="serialization"))
    label: dict[str, Any] = {
        "description": f"A label of taxonomy {taxonomy.version}.",
        "type": "string",
        "enum": sorted(taxonomy.names),
    }
    properties, defs = schema["properties"], schema["$defs"]
    properties["taxonomy"] |= {"items": {"$ref": "#/$defs/Label"}, "uniqueItems": True}
    properties["scores"] |= {"propertyNames": {"$ref": "#/$defs/Label"}, "minProperties": 1}
    defs["Provenance"]["properties"]["tenant_id"]["pattern"] = f"^{PATTERN.pattern}$"
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:llama-mapper:canonical-event:{EVENT_SCHEMA_VERSION}:taxonomy:{taxonomy.version}",
        "title": "Canonical event",
        "description": _DESCRIPTION,
        **{name: value for name, value in schema.items() if name not in ("description", "$defs")},
        "$defs": {"Label": label, **defs},
    }


def _without_titles(schema: Any) -> Any:
    """The same schema without the titles pydantic makes from field names."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_titles(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
    }


if __name__ == "__main__":
    try:
        document = event_schema(load(Path(*sys.argv[1:2])).taxonomy)
    except CatalogError as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
