"""Which shape of an event a caller accepts (RFC 9110 §12.5.1), and events in that shape."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import orjson

from mapper_serving.rendering import cloudevents, ocsf
from mapper_serving.rendering.told import Told

Rendering = Literal["canonical", "cloudevents", "ocsf"]
CANONICAL_MEDIA_TYPE = "application/json"
_BY_TYPE: Final[dict[str, Rendering]] = {
    CANONICAL_MEDIA_TYPE: "canonical",
    "application/*": "canonical",
    "*/*": "canonical",
    cloudevents.MEDIA_TYPE: "cloudevents",
    cloudevents.BATCH_MEDIA_TYPE: "cloudevents",
    ocsf.MEDIA_TYPE: "ocsf",
}


class Rendered(NamedTuple):
    """A body and its media type."""

    body: bytes
    media_type: str


@lru_cache(maxsize=256)
def rendering(accept: bytes | None) -> Rendering:
    """The shape the caller likes best; the canonical one where it accepts none we have (RFC 9110 allows that).

    Args:
        accept: the value of `Accept`, None when there is none.
    """
    best: Rendering = "canonical"
    weight = 0.0
    for part in (accept or b"").decode("latin-1").lower().split(","):
        kind, *parameters = (piece.strip() for piece in part.split(";"))
        quality = next((_quality(text[2:]) for text in parameters if text.startswith("q=")), 1.0)
        if kind in _BY_TYPE and quality > weight:
            best, weight = _BY_TYPE[kind], quality
    return best


def render_one(told: Told, shape: Literal["cloudevents", "ocsf"]) -> Rendered:
    """One event."""
    if shape == "ocsf":
        return Rendered(orjson.dumps(ocsf.detection_finding(told)), ocsf.MEDIA_TYPE)
    return Rendered(orjson.dumps(cloudevents.cloudevent(told)), cloudevents.MEDIA_TYPE)


def render_all(told: Sequence[Told], shape: Literal["cloudevents", "ocsf"]) -> Rendered:
    """Several events as a JSON array; for CloudEvents in the batched mode."""
    if shape == "ocsf":
        return Rendered(orjson.dumps([ocsf.detection_finding(item) for item in told]), ocsf.MEDIA_TYPE)
    return Rendered(orjson.dumps([cloudevents.cloudevent(item) for item in told]), cloudevents.BATCH_MEDIA_TYPE)


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
