"""Bodies of requests as callers see them: closed, and parsed once. No decisions here."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, cast

from pydantic import (
    AwareDatetime,
    Field,
    JsonValue,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import to_json

from mapper_domain.detectors import Detector
from mapper_domain.events import Environment
from mapper_domain.payloads import MAX_DESCRIPTION, MAX_FIELD
from mapper_domain.privacy import is_name, is_reference, is_version
from mapper_domain.verdicts import MAX_LABEL
from mapper_serving.answers import Closed
from mapper_serving.problems import Code, FieldProblem, Refusal, invalid_request
from mapper_serving.settings import Settings


class Limits(NamedTuple):
    """What a body is judged by besides its shape: the detectors in service, the time, and the settings."""

    detectors: Mapping[str, Detector]
    now: datetime
    settings: Settings


class Metadata(Closed):
    """What a caller may say about an output.

    Attributes:
        field: the part of the detector's output a plain label came from.
        description: what an unfamiliar label means; shown to the model, never stored.
        raw_ref: a UUID or URI of the evidence in the caller's own store, never the evidence.
        environment: where it happened, if not in the tenant's usual environment.
    """

    field: str | None = Field(default=None, max_length=MAX_FIELD)
    description: str = Field(default="", max_length=MAX_DESCRIPTION)
    raw_ref: str = Field(default="", max_length=250)
    environment: Environment | None = None

    @field_validator("raw_ref")
    @classmethod
    def _is_a_reference(cls, text: str) -> str:
        if text and not is_reference(text):
            raise ValueError(
                "must be a UUID, or an s3, gs, az, https or urn URI without a query: a reference, never the content"
            )
        return text


class MapRequest(Closed):
    """One detector output to be mapped.

    Attributes:
        detector: the detector's name.
        output: its label, or its native answer where the detector's YAML declares a payload.
        detector_version: its version, if not the one its YAML was read from.
        events: `one` event with a label for every finding, or one event `per_finding`.
        occurred_at: when the detector ran; now, when left out.
        tenant_id: only for callers that must name it; has to be the API key's tenant.
    """

    detector: str = Field(min_length=1, max_length=64)
    output: JsonValue
    metadata: Metadata = Metadata()
    events: Literal["one", "per_finding"] = "one"
    detector_version: str = Field(default="", max_length=64)
    occurred_at: AwareDatetime | None = None
    tenant_id: str | None = None

    @field_validator("detector")
    @classmethod
    def _is_a_name(cls, text: str, info: ValidationInfo) -> str:
        if text not in _limits(info).detectors and not is_name(text):
            raise ValueError("must be the name of a detector: letters, digits and . _ - + /")
        return text

    @field_validator("detector_version")
    @classmethod
    def _is_a_version(cls, text: str, info: ValidationInfo) -> str:
        detector = _limits(info).detectors.get(info.data.get("detector", ""))
        if text and (detector is None or text != detector.version) and not is_version(text):
            raise ValueError("must be a version number, as 2.2.363 or 1.0.0-rc.2, or the version in its YAML")
        return text

    @field_validator("occurred_at")
    @classmethod
    def _is_in_time(cls, moment: datetime | None, info: ValidationInfo) -> datetime | None:
        limits = _limits(info)
        if moment is not None and moment > limits.now + timedelta(seconds=limits.settings.clock_skew_seconds):
            raise ValueError("lies in the future")
        if moment is not None and moment < limits.now - timedelta(days=limits.settings.max_age_days):
            raise ValueError(f"lies more than {limits.settings.max_age_days} days back")
        return moment


class BatchRequest(Closed):
    """Several outputs; each is validated on its own, so that one bad item spoils no other."""

    items: list[JsonValue] = Field(min_length=1)
    tenant_id: str | None = None


_DECLARED = frozenset({*MapRequest.model_fields, *Metadata.model_fields, *BatchRequest.model_fields})


def parse_map(body: bytes, limits: Limits) -> MapRequest:
    """The body of `/map`.

    Raises:
        Refusal: `not-utf8`, `malformed-json`, `output-too-long`, or `invalid-request` with every field problem.
    """
    try:
        return _of_fit_length(MapRequest.model_validate_json(body, context=limits), limits.settings)
    except ValidationError as error:
        raise unreadable(body, error, _DECLARED) from None


def parse_batch(body: bytes, limit: int) -> BatchRequest:
    """The body of `/map/batch`; its items are parsed by `parse_item`.

    Raises:
        Refusal: as `parse_map`; also when there are more items than `limit`.
    """
    try:
        batch = BatchRequest.model_validate_json(body)
    except ValidationError as error:
        raise unreadable(body, error, _DECLARED) from None
    if len(batch.items) > limit:
        problem = FieldProblem(
            pointer="/items", detail=f"Holds {len(batch.items)} items; send at most {limit} at once."
        )
        raise Refusal(Code.INVALID_REQUEST, "The body has 1 problem; see errors.", (problem,))
    return batch


def parse_item(item: JsonValue, limits: Limits) -> MapRequest:
    """One item of a batch.

    Raises:
        Refusal: `output-too-long` or `invalid-request`.
    """
    try:
        return _of_fit_length(MapRequest.model_validate(item, context=limits), limits.settings)
    except ValidationError as error:
        raise invalid_request(error, _DECLARED) from None


def _limits(info: ValidationInfo) -> Limits:
    return cast("Limits", info.context)


def _of_fit_length(request: MapRequest, settings: Settings) -> MapRequest:
    output = request.output
    if isinstance(output, str) and len(output) <= MAX_LABEL:
        return request
    if len(to_json(output)) > settings.max_output_bytes:
        raise Refusal(
            Code.OUTPUT_TOO_LONG,
            f"A detector's output may take {settings.max_output_bytes} bytes of JSON; "
            "send what the detector answered, not what it scanned.",
        )
    return request


def unreadable(body: bytes, error: ValidationError, fields: Iterable[str]) -> Refusal:
    """Why a body could not be read: `not-utf8`, `malformed-json`, or `invalid-request` with every field problem.

    Args:
        body: as sent.
        error: what validation found.
        fields: names that may appear in pointers (`invalid_request`).
    """
    if error.errors(include_input=False)[0]["type"] != "json_invalid":
        return invalid_request(error, fields)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return Refusal(Code.NOT_UTF8, "Encode the body as UTF-8.")
    return Refusal(Code.MALFORMED_JSON, "Send one JSON object.")
