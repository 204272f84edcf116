"""`Accept`: the shape the caller likes best, and the canonical one for whoever does not care."""

import pytest

from mapper_serving.rendering.accept import rendering


@pytest.mark.parametrize(
    ("accept", "shape"),
    [
        (None, "canonical"),
        (b"", "canonical"),
        (b"*/*", "canonical"),
        (b"application/json", "canonical"),
        (b"application/cloudevents+json", "cloudevents"),
        (b"application/cloudevents-batch+json", "cloudevents"),
        (b"Application/CloudEvents+JSON; charset=utf-8", "cloudevents"),
        (b"application/vnd.ocsf+json", "ocsf"),
        (b"application/json;q=0.5, application/vnd.ocsf+json", "ocsf"),
        (b"application/json, application/vnd.ocsf+json;q=0.5", "canonical"),
        (b"application/vnd.ocsf+json;q=0, application/json;q=0.1", "canonical"),
        (b"text/html, application/cloudevents+json;q=0.3, application/vnd.ocsf+json;q=0.7", "ocsf"),
        (b"text/html", "canonical"),
        (b"application/vnd.ocsf+json;q=many", "canonical"),
        (b"\xff\xfe;;;,,,", "canonical"),
    ],
)
def test_the_best_weight_wins_and_anything_else_is_canonical(accept: bytes | None, shape: str) -> None:
    assert rendering(accept) == shape
