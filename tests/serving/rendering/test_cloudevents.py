"""CloudEvents: as the CNCF's own SDK reads them, and with names every binding can carry."""

import re

import orjson
import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from told_events import told

from mapper_serving.rendering.cloudevents import cloudevent


def read(body: bytes) -> BaseCloudEvent:
    return JSONFormat().read(CloudEvent, body)


def test_the_sdk_reads_what_we_write() -> None:
    event = read(orjson.dumps(cloudevent(told("PII.Identifier.SSN"))))
    assert event.get_specversion() == "1.0"
    assert event.get_id() == "019abc00-0000-7000-8000-000000000001"
    assert event.get_source() == "urn:llama-mapper:tenant:acme"
    assert event.get_type() == "llama-mapper.canonical-event.v1"
    assert event.get_subject() == "presidio"
    assert event.get_dataschema() == "urn:llama-mapper:canonical-event:1.0:taxonomy:2026.11"
    assert event.get_time() is not None
    assert event.get_extension("tenant") == "acme"
    data = event.get_data()
    assert isinstance(data, dict)
    assert data["taxonomy"] == ["PII.Identifier.SSN"]


@pytest.mark.parametrize("name", sorted(cloudevent(told("A.B"))))
def test_attribute_names_are_lower_case_letters_and_digits(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]{1,20}", name)
