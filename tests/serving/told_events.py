"""Events to be rendered."""

from typing import Any

from mapper_serving.rendering.told import Told


def told(*labels: str, confidence: float = 0.97, **provenance: str) -> Told:
    """One event with these labels."""
    said: dict[str, Any] = {
        "vendor": "Microsoft / presidio",
        "detector": "presidio",
        "detector_version": "2.2.363",
        "raw_ref": "s3://evidence/1",
        "route": "rules",
        "model": "0123456789abcdef",
        "tenant_id": "acme",
        "ts": "2026-11-23T10:00:00.123456Z",
    }
    return Told(
        event_id="019abc00-0000-7000-8000-000000000001",
        occurred_at="2026-11-23T10:00:00.123456Z",
        event={
            "taxonomy": list(labels),
            "scores": dict.fromkeys(labels, confidence),
            "confidence": confidence,
            "notes": "",
            "provenance": {**said, **provenance},
            "policy_context": {"expected_detectors": ["presidio"], "environment": "stage"},
        },
        versions={"taxonomy": "2026.11", "frameworks": "2026.11", "release": "0123456789abcdef"},
        controls=["SOC2@2017:CC7.2"],
    )
