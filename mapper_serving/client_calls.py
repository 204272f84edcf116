"""What the client asks and how it reads the answer, as plain values. How it is sent is `client`'s business."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Generic, Literal, NamedTuple, Required, TypedDict, TypeVar

import httpx
from pydantic import BaseModel, JsonValue, ValidationError

from mapper_domain.errors import MapperError
from mapper_domain.events import CanonicalEvent, Environment
from mapper_serving.answers import BatchAnswer, EventList, ProposalAnswer, RecordedEvent
from mapper_serving.listings import DetectorList, EventPage, ReleaseList, TaxonomyAnswer
from mapper_serving.problems import ProblemDocument

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
_METADATA = ("field", "description", "raw_ref", "environment")


class CallFailed(MapperError):
    """The service did not do what it was asked.

    Attributes:
        retryable: whether the same call may succeed later.
        retry_after: seconds the service asks to wait before that, if it does.
    """

    def __init__(self, message: str, *, retryable: bool, retry_after: float | None = None) -> None:
        self.retryable = retryable
        self.retry_after = retry_after
        super().__init__(message)


class Unreachable(CallFailed):
    """No answer came, or none of the service: a broken connection, a timeout, a gateway in between."""


class Refused(CallFailed):
    """The service refused, and says why.

    Attributes:
        problem: its RFC 9457 document.
    """

    def __init__(self, problem: ProblemDocument, retry_after: float | None) -> None:
        self.problem = problem
        super().__init__(
            f"{problem.code}: {problem.title}. {problem.detail}", retryable=problem.retryable, retry_after=retry_after
        )


class About(TypedDict, total=False):
    """What may be said about an output besides the detector; see `mapper_serving.bodies`."""

    field: str
    description: str
    raw_ref: str
    environment: Environment
    detector_version: str
    occurred_at: datetime


class Item(About):
    """One output of a batch."""

    detector: Required[str]
    output: Required[JsonValue]


class Label(TypedDict, total=False):
    """One label of a vocabulary."""

    label: Required[str]
    field: str
    description: str


class Mapped(NamedTuple):
    """The event of one output.

    Attributes:
        release: what answered; `rules` without a release.
        replayed: whether the service had answered this very call before.
    """

    event_id: str
    event: CanonicalEvent
    release: str
    replayed: bool


class Call(NamedTuple, Generic[T]):
    """One request, and what makes a value of its answer."""

    method: Literal["GET", "POST"]
    path: str
    read: Callable[[httpx.Response], T]
    json: Mapping[str, object] | None = None
    params: Mapping[str, str | int] | None = None
    headers: Mapping[str, str] | None = None


def map_one(detector: str, output: JsonValue, about: About, key: str | None) -> Call[Mapped]:
    """One output, one event."""
    return Call("POST", "/v1/map", _mapped, _body(detector, output, about), headers=_idempotent(key))


def map_findings(detector: str, output: JsonValue, about: About, key: str | None) -> Call[tuple[RecordedEvent, ...]]:
    """One output, one event for each finding."""
    body = {**_body(detector, output, about), "events": "per_finding"}
    return Call("POST", "/v1/map", lambda answer: _read(EventList, answer).events, body, headers=_idempotent(key))


def map_batch(items: Sequence[Item], key: str | None) -> Call[BatchAnswer]:
    """Many outputs."""
    bodies = [_body(item["detector"], item["output"], item) for item in items]
    read = _reader(BatchAnswer)
    return Call("POST", "/v1/map:batch", read, {"items": bodies}, headers=_idempotent(key))


def propose(detector: str, labels: Sequence[Label], kind: str, version: str) -> Call[ProposalAnswer]:
    """A vocabulary."""
    body = {"detector": detector, "kind": kind, "version": version, "labels": list(labels)}
    return Call("POST", "/v1/detectors:propose", _reader(ProposalAnswer), body)


def events(day: date | None, cursor: str | None, limit: int | None) -> Call[EventPage]:
    """A page of the tenant's events."""
    asked = {"day": day.isoformat() if day else None, "cursor": cursor, "limit": limit}
    params = {name: value for name, value in asked.items() if value is not None}
    return Call("GET", "/v1/events", _reader(EventPage), params=params)


def taxonomy() -> Call[TaxonomyAnswer]:
    """The taxonomy in service."""
    return Call("GET", "/v1/taxonomy", _reader(TaxonomyAnswer))


def detectors() -> Call[DetectorList]:
    """The detectors in service."""
    return Call("GET", "/v1/detectors", _reader(DetectorList))


def releases() -> Call[ReleaseList]:
    """The releases in service."""
    return Call("GET", "/v1/releases", _reader(ReleaseList))


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer, if it is a success.

    Raises:
        Refused: when the service says why it is none.
        Unreachable: when somebody in between does; retryable for 429 and the gateways' 502, 503 and 504.
    """
    if answer.is_success:
        return answer
    wait = answer.headers.get("retry-after", "")
    retry_after = float(wait) if wait.isdigit() else None
    try:
        problem = ProblemDocument.model_validate_json(answer.content, extra="ignore")
    except ValidationError:
        status = answer.status_code
        retryable = status in (429, 502, 503, 504)
        raise Unreachable(
            f"HTTP {status} without a problem document.", retryable=retryable, retry_after=retry_after
        ) from None
    raise Refused(problem, retry_after)


def _body(detector: str, output: JsonValue, about: About | Item) -> dict[str, object]:
    said = dict(about)
    metadata = {name: said[name] for name in _METADATA if name in said}
    body: dict[str, object] = {"detector": detector, "output": output}
    if metadata:
        body["metadata"] = metadata
    if "detector_version" in said:
        body["detector_version"] = said["detector_version"]
    if isinstance(moment := said.get("occurred_at"), datetime):
        body["occurred_at"] = moment.isoformat()
    return body


def _idempotent(key: str | None) -> dict[str, str]:
    """The same key on every attempt of one call, so that the service answers it once."""
    return {"Idempotency-Key": f'"{key or uuid.uuid4()}"'}


def _reader(model: type[M]) -> Callable[[httpx.Response], M]:
    return lambda answer: _read(model, answer)


def _read(model: type[M], answer: httpx.Response) -> M:
    """The answer, without fields a newer service may have added."""
    try:
        return model.model_validate_json(answer.content, extra="ignore")
    except ValidationError as error:
        raise Unreachable(
            f"The answer is no {model.__name__} ({error.error_count()} problems); is it the service?", retryable=False
        ) from None


def _mapped(answer: httpx.Response) -> Mapped:
    event = _read(CanonicalEvent, answer)
    headers = answer.headers
    return Mapped(headers["X-Event-Id"], event, headers["X-Release"], headers.get("Idempotency-Replayed") == "true")
