"""Request and batch bodies as callers see them: closed, and parsed once. No decisions here."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, ValidationError

from mapper_domain.events import CanonicalEvent, Environment
from mapper_domain.privacy import is_name, is_reference
from mapper_serving.problems import Code, FieldProblem, ProblemDocument, Refusal, invalid_request
from mapper_serving.settings import Settings


class Closed(BaseModel):
    """A body: no field but the declared ones, and errors that do not repeat what was sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Metadata(Closed):
    """What a caller may say about an output.

    Attributes:
        field: the part of the detector's output a plain label came from.
        description: what an unfamiliar label means; shown to the model, never stored.
        raw_ref: a UUID or URI of the evidence in the caller's own store, never the evidence.
        environment: where it happened, if not in the tenant's usual environment.
    """

    field: str | None = Field(default=None, max_length=64)
    description: str = Field(default="", max_length=500)
    raw_ref: str = Field(default="", max_length=250)
    environment: Environment | None = None


class MapRequest(Closed):
    """One detector output to be mapped.

    Attributes:
        detector: the detector's name.
        output: its label, or its native answer where the detector's YAML declares a payload.
        detector_version: its version, if not the one its YAML was read from.
        occurred_at: when the detector ran; now, when left out.
        tenant_id: only for callers that must name it; has to be the API key's tenant.
    """

    detector: str = Field(min_length=1, max_length=64)
    output: JsonValue
    metadata: Metadata = Metadata()
    detector_version: str = Field(default="", max_length=64)
    occurred_at: AwareDatetime | None = None
    tenant_id: str | None = None


class BatchRequest(Closed):
    """Several outputs; each is validated on its own, so that one bad item spoils no other."""

    items: list[JsonValue] = Field(min_length=1)
    tenant_id: str | None = None


class BatchItem(Closed):
    """What became of one item: an event or a problem, at the place the item had."""

    index: int
    status: int
    event_id: str | None = None
    event: CanonicalEvent | None = None
    problem: ProblemDocument | None = None


class BatchCounts(Closed):
    """received = accepted + rejected."""

    received: int
    accepted: int
    rejected: int


class BatchAnswer(Closed):
    """Answer to a batch, items in the order they were sent."""

    items: tuple[BatchItem, ...]
    counts: BatchCounts


_DECLARED = frozenset({*MapRequest.model_fields, *Metadata.model_fields, *BatchRequest.model_fields})


def parse_map(body: bytes) -> MapRequest:
    """The body of `/map`.

    Raises:
        Refusal: `not-utf8`, `malformed-json`, or `invalid-request` with every field problem.
    """
    try:
        return MapRequest.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(body, error) from None


def parse_batch(body: bytes, limit: int) -> BatchRequest:
    """The body of `/map/batch`; its items are parsed by `parse_item`.

    Raises:
        Refusal: as `parse_map`; also when there are more items than `limit`.
    """
    try:
        batch = BatchRequest.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(body, error) from None
    if len(batch.items) > limit:
        problem = FieldProblem(
            pointer="/items", detail=f"Holds {len(batch.items)} items; send at most {limit} at once."
        )
        raise Refusal(Code.INVALID_REQUEST, "The body has 1 problem; see errors.", (problem,))
    return batch


def parse_item(item: JsonValue) -> MapRequest:
    """One item of a batch.

    Raises:
        Refusal: `invalid-request`.
    """
    try:
        return MapRequest.model_validate(item)
    except ValidationError as error:
        raise invalid_request(error, _DECLARED) from None


def check(request: MapRequest, settings: Settings, now: datetime) -> None:
    """Refuse what has the declared shape but may not be taken: too long, out of time, or unfit to be stored.

    Raises:
        Refusal: `output-too-long`, or `invalid-request` with every field problem.
    """
    _check_length(request.output, settings)
    problems = [*_unfit_texts(request), *_out_of_time(request.occurred_at, settings, now)]
    if problems:
        plural = "problem" if len(problems) == 1 else "problems"
        raise Refusal(Code.INVALID_REQUEST, f"The body has {len(problems)} {plural}; see errors.", problems)


def _check_length(output: JsonValue, settings: Settings) -> None:
    length = len(output) if isinstance(output, str) and len(output) <= settings.max_label_chars else None
    if length is None and len(orjson.dumps(output)) > settings.max_output_bytes:
        raise Refusal(
            Code.OUTPUT_TOO_LONG,
            f"A detector's output may take {settings.max_output_bytes} bytes of JSON; "
            "send what the detector answered, not what it scanned.",
        )


def _unfit_texts(request: MapRequest) -> Sequence[FieldProblem]:
    problems = []
    if not is_name(request.detector):
        problems.append(FieldProblem(pointer="/detector", detail="Is not the name of a detector."))
    if request.detector_version and not is_name(request.detector_version):
        problems.append(FieldProblem(pointer="/detector_version", detail="Is not a version."))
    if request.metadata.raw_ref and not is_reference(request.metadata.raw_ref):
        detail = "Must be a UUID, or an s3, gs, az, https or urn URI without a query: a reference, never the content."
        problems.append(FieldProblem(pointer="/metadata/raw_ref", detail=detail))
    return problems


def _out_of_time(occurred_at: datetime | None, settings: Settings, now: datetime) -> Sequence[FieldProblem]:
    if occurred_at is None:
        return ()
    if occurred_at > now + timedelta(seconds=settings.clock_skew_seconds):
        return (FieldProblem(pointer="/occurred_at", detail="Lies in the future."),)
    if occurred_at < now - timedelta(days=settings.max_age_days):
        return (FieldProblem(pointer="/occurred_at", detail=f"Lies more than {settings.max_age_days} days back."),)
    return ()


def _refusal(body: bytes, error: ValidationError) -> Refusal:
    if error.errors(include_input=False)[0]["type"] != "json_invalid":
        return invalid_request(error, _DECLARED)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return Refusal(Code.NOT_UTF8, "Encode the body as UTF-8.")
    return Refusal(Code.MALFORMED_JSON, "Send one JSON object.")
