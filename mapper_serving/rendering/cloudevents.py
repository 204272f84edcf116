"""A canonical event as a CloudEvent 1.0 (CNCF), in the JSON format's structured mode."""

from collections.abc import Mapping

from mapper_domain.events import EVENT_SCHEMA_VERSION
from mapper_serving.rendering.told import Told

MEDIA_TYPE = "application/cloudevents+json"
BATCH_MEDIA_TYPE = "application/cloudevents-batch+json"
TYPE = "llama-mapper.canonical-event.v1"


def cloudevent(told: Told) -> Mapping[str, object]:
    """The event; `id` and `source` together are unique, and repeat when it is read again.

    Its extension attributes `tenant`, `release` and `taxonomyversion` are for brokers that route without reading data.
    """
    provenance = told.event["provenance"]
    return {
        "specversion": "1.0",
        "id": told.event_id,
        "source": f"urn:llama-mapper:tenant:{provenance['tenant_id']}",
        "type": TYPE,
        "subject": provenance["detector"],
        "time": told.occurred_at,
        "datacontenttype": "application/json",
        "dataschema": (f"urn:llama-mapper:canonical-event:{EVENT_SCHEMA_VERSION}:taxonomy:{told.versions['taxonomy']}"),
        "tenant": provenance["tenant_id"],
        "release": told.versions["release"],
        "taxonomyversion": told.versions["taxonomy"],
        "data": told.event,
    }
