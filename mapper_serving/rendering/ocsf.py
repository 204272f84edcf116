"""A canonical event as an OCSF Detection Finding (class_uid 2004, schema 1.5).

OCSF has no taxonomy of its own for what AI-safety detectors find: the labels are in `finding_info.types`, and what
has no place in the class is in `unmapped`. A canonical event has no severity, so none is made up.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from mapper_domain.taxonomy import MODEL_ERROR, SAFE, UNKNOWN
from mapper_serving.rendering.told import Told

MEDIA_TYPE = "application/vnd.ocsf+json"
OCSF_VERSION = "1.5.0"
_CREATE = 1
_CLASS = 2004
_FINDINGS = 2
_LEARNING: Final = (4, "Learning (ML/DL)")
_RULE: Final = (1, "Rule")
_UNKNOWN_SEVERITY: Final = (0, "Unknown")
_INFORMATIONAL: Final = (1, "Informational")


def detection_finding(told: Told) -> Mapping[str, object]:
    """The finding. `OTHER.Safe` is informational; the severity of anything else is unknown."""
    event = told.event
    labels, provenance = event["taxonomy"], event["provenance"]
    severity_id, severity = _INFORMATIONAL if labels == [SAFE] else _UNKNOWN_SEVERITY
    confidence_id, confidence = _confidence(event["confidence"])
    moment = _milliseconds(told.occurred_at)
    analytic_id, analytic = _LEARNING if provenance["route"] == "model" else _RULE
    return {
        "activity_id": _CREATE,
        "activity_name": "Create",
        "category_uid": _FINDINGS,
        "category_name": "Findings",
        "class_uid": _CLASS,
        "class_name": "Detection Finding",
        "type_uid": _CLASS * 100 + _CREATE,
        "type_name": "Detection Finding: Create",
        "time": moment,
        "severity_id": severity_id,
        "severity": severity,
        "status_id": 1,
        "status": "New",
        "confidence_id": confidence_id,
        "confidence": confidence,
        "confidence_score": round(event["confidence"] * 100),
        "message": _title(labels, provenance["detector"]),
        "finding_info": {
            "uid": told.event_id,
            "title": _title(labels, provenance["detector"]),
            "types": labels,
            "created_time": moment,
            "data_sources": [provenance["detector"]],
            "analytic": {
                "uid": told.versions["release"],
                "name": "Llama Mapper",
                "type_id": analytic_id,
                "type": analytic,
                "version": told.versions["release"],
            },
        },
        "metadata": {
            "version": OCSF_VERSION,
            "product": {"name": provenance["detector"], "vendor_name": provenance["vendor"] or "Unknown"}
            | ({"version": provenance["detector_version"]} if provenance["detector_version"] else {}),
            "uid": told.event_id,
            "tenant_uid": provenance["tenant_id"],
            "labels": [f"taxonomy:{told.versions['taxonomy']}", f"frameworks:{told.versions['frameworks']}"],
        },
        "unmapped": {
            "scores": event["scores"],
            "route": provenance["route"],
            "raw_ref": provenance["raw_ref"],
            "environment": event["policy_context"]["environment"],
            "expected_detectors": event["policy_context"]["expected_detectors"],
            "controls": told.controls,
        },
    }


def _title(labels: list[str], detector: str) -> str:
    if labels == [SAFE]:
        return f"{detector} found nothing"
    if labels == [MODEL_ERROR]:
        return f"{detector} failed"
    if labels == [UNKNOWN]:
        return f"{detector} reported something nobody has mapped"
    return f"{detector} reported {', '.join(labels)}"


def _confidence(value: float) -> tuple[int, str]:
    """OCSF's three levels; below the mapper's usual threshold of 0.6 is low."""
    if value >= 0.9:
        return 3, "High"
    return (2, "Medium") if value >= 0.6 else (1, "Low")


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)
