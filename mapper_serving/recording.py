"""The row of one answer: its canonical event and what an `EventRecord` adds. Nothing a detector scanned gets in.

Rows are plain JSON because they are made for every request; shipping parses both in full.
"""

from datetime import datetime
from typing import NamedTuple

import orjson

from mapper_domain.detectors import Detector
from mapper_domain.events import BETWEEN_LABELS
from mapper_domain.ladder import Answer
from mapper_domain.privacy import hashed_name
from mapper_serving.bodies import MapRequest
from mapper_serving.identity.principal import Tenant
from mapper_serving.ids import uuid7
from mapper_serving.outbox.rows import Event
from mapper_serving.state import Serving

Labels = tuple[str, ...]


class Context(NamedTuple):
    """What all events of one request share.

    Attributes:
        detector: None when no YAML describes it.
        occurred_at: in UTC.
    """

    request: MapRequest
    detector: Detector | None
    tenant: Tenant
    serving: Serving
    occurred_at: datetime


class Form(NamedTuple):
    """A row but for its time and its id: the same for every event about the same, so it is serialised once.

    Attributes:
        tenant: whose it is, as the credential said it.
        answer: what it says.
        event: JSON of the canonical event before and behind its time.
        record: JSON of the record behind its time, with which it begins.
    """

    tenant: Tenant
    answer: Answer
    event: tuple[str, str]
    record: str


def row(context: Context, answer: Answer, labels: Labels) -> Event:
    """The row of an answer to these labels of the detector."""
    request, tenant, forms = context.request, context.tenant, context.serving.forms
    about = request.metadata
    key = (tenant.id, request.detector, request.detector_version, about.environment, labels)
    form = None if about.raw_ref else forms.get(key)
    if form is None or form.tenant is not tenant or form.answer is not answer:
        form = _form(context, answer, labels)
        if not about.raw_ref:
            forms[key] = form
    at = orjson.dumps(context.occurred_at, option=orjson.OPT_UTC_Z).decode()
    before, behind = form.event
    return Event(
        tenant_id=tenant.id,
        day=at[1:11],
        event_id=uuid7(),
        record=f'{{"occurred_at":{at},{form.record}',
        event=f'{before}"ts":{at}{behind}',
    )


def _form(context: Context, answer: Answer, labels: Labels) -> Form:
    request, detector, tenant, serving = context.request, context.detector, context.tenant, context.serving
    event = {
        "taxonomy": answer.labels,
        "scores": answer.scores,
        "confidence": answer.confidence,
        "notes": _notes(context, answer),
        "provenance": {
            "vendor": detector.vendor if detector else "",
            "detector": stored_name(request.detector, tenant, serving),
            "detector_version": request.detector_version or (detector.version if detector else ""),
            "raw_ref": request.metadata.raw_ref,
            "route": answer.route,
            "model": serving.versions.release,
            "tenant_id": tenant.id,
            "ts": None,
        },
        "policy_context": {
            "expected_detectors": tenant.expected_detectors,
            "environment": request.metadata.environment or tenant.environment,
        },
    }
    may_store = serving.may_store(request.detector, labels)
    source = BETWEEN_LABELS.join(labels)
    record = {
        "source_label": source if labels and may_store else None,
        "source_label_hmac": None if may_store else tenant.hash(source),
        "versions": serving.versions_json,
        "controls": serving.controls(answer.labels, tenant.conditions),
    }
    # Quotes within a text are escaped, so the field is found and nothing else.
    before, _, behind = orjson.dumps(event).decode().partition('"ts":null')
    return Form(tenant, answer, (before, behind), orjson.dumps(record).decode().removeprefix("{"))


def stored_name(detector: str, tenant: Tenant, serving: Serving) -> str:
    """A detector's name as events have it: itself where it is known to be one, else a keyed hash of it.

    It is known when some YAML has it, when the tenant's keys file expects it, or when it consists of known words.
    """
    if detector in tenant.expected_detectors or serving.may_store_name(detector):
        return detector
    return hashed_name(tenant.hash(detector))


def _notes(context: Context, answer: Answer) -> str:
    if context.detector is not None:
        return answer.note
    hint = context.serving.hint(context.request.detector)
    return f"{answer.note} {hint}" if answer.note else hint
