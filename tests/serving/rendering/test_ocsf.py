"""OCSF: a Detection Finding as py-ocsf-models reads it, with what the class requires and nothing made up."""

import json

import pytest
from py_ocsf_models.events.findings.detection_finding import DetectionFinding
from told_events import told

from mapper_serving.rendering.ocsf import detection_finding

REQUIRED = ("activity_id", "category_uid", "class_uid", "finding_info", "metadata", "severity_id", "time", "type_uid")
"""Of the class in OCSF 1.5; `finding_info` needs `uid`, `metadata` needs `product` and `version`."""


@pytest.mark.parametrize("labels", [("PII.Identifier.SSN",), ("OTHER.Safe",), ("OTHER.Unknown",), ("A.B", "C.D")])
def test_every_finding_is_one_as_the_schema_s_models_read_it(labels: tuple[str, ...]) -> None:
    finding = json.loads(json.dumps(detection_finding(told(*labels))))
    read = DetectionFinding.model_validate(finding)
    assert (read.class_uid, read.category_uid, int(read.type_uid)) == (2004, 2, 200401)
    assert read.finding_info.types == list(labels)
    assert read.metadata.product.vendor_name == "Microsoft / presidio"


def test_everything_the_class_requires_is_there() -> None:
    finding = detection_finding(told("PII.Identifier.SSN"))
    assert set(REQUIRED) <= set(finding)
    assert finding["finding_info"]["uid"] == finding["metadata"]["uid"]  # type: ignore[index]
    assert finding["metadata"]["version"] == "1.5.0"  # type: ignore[index]
    assert finding["time"] == 1795428000123


def test_no_severity_is_made_up_and_safe_is_informational() -> None:
    assert detection_finding(told("HARM.VIOLENCE.Suicide"))["severity_id"] == 0
    assert detection_finding(told("OTHER.Safe"))["severity_id"] == 1


@pytest.mark.parametrize(("confidence", "level"), [(0.0, 1), (0.59, 1), (0.6, 2), (0.89, 2), (0.9, 3), (1.0, 3)])
def test_confidence_has_a_score_and_a_level(confidence: float, level: int) -> None:
    finding = detection_finding(told("A.B", confidence=confidence))
    assert finding["confidence_id"] == level
    assert finding["confidence_score"] == round(confidence * 100)


def test_what_has_no_place_in_the_class_is_unmapped_and_a_detector_without_vendor_or_version_is_fine() -> None:
    finding = detection_finding(told("A.B", vendor="", detector_version=""))
    assert finding["unmapped"]["controls"] == ["SOC2@2017:CC7.2"]  # type: ignore[index]
    assert "version" not in finding["metadata"]["product"]  # type: ignore[index]
    DetectionFinding.model_validate(finding)
