"""What the renderings tell about: one stored event, however it was read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Told:
    """One event.

    Attributes:
        occurred_at: ISO 8601, in UTC.
        event: the canonical event as JSON has it.
        versions: `mapper_domain.events.Versions` as JSON has it.
        controls: edition-qualified control keys it is evidence for.
    """

    event_id: str
    occurred_at: str
    event: Mapping[str, Any]
    versions: Mapping[str, str]
    controls: Sequence[str]

    @classmethod
    def of(cls, event_id: str, record: str | bytes, event: str | bytes) -> "Told":
        """The event from the JSON the outbox keeps of it (`mapper_serving.outbox.rows.Event`)."""
        about = orjson.loads(record)
        return cls(event_id, about["occurred_at"], orjson.loads(event), about["versions"], about["controls"])
