"""Problems: every way a request can be refused, as RFC 9457 documents. Never repeats anything the caller sent."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mapper_domain.errors import MapperError
from mapper_serving.ids import uuid7

MEDIA_TYPE = "application/problem+json"


class Code(StrEnum):
    """Problem codes; a closed list."""

    NOT_UTF8 = "not-utf8"
    MALFORMED_JSON = "malformed-json"
    INVALID_CURSOR = "invalid-cursor"
    INVALID_IDEMPOTENCY_KEY = "invalid-idempotency-key"
    UNAUTHENTICATED = "unauthenticated"
    INSUFFICIENT_SCOPE = "insufficient-scope"
    TENANT_MISMATCH = "tenant-mismatch"
    UNKNOWN_DETECTOR = "unknown-detector"
    NOT_FOUND = "not-found"
    METHOD_NOT_ALLOWED = "method-not-allowed"
    REQUEST_TIMEOUT = "request-timeout"
    IDEMPOTENCY_IN_FLIGHT = "idempotency-in-flight"
    BODY_TOO_LONG = "body-too-long"
    OUTPUT_TOO_LONG = "output-too-long"
    UNSUPPORTED_MEDIA_TYPE = "unsupported-media-type"
    INVALID_REQUEST = "invalid-request"
    UNREADABLE_OUTPUT = "unreadable-output"
    CONTENT_REFUSED = "content-refused"
    IDEMPOTENCY_CONFLICT = "idempotency-conflict"
    RATE_LIMITED = "rate-limited"
    ENGINE_BUSY = "engine-busy"
    INTERNAL_ERROR = "internal-error"
    NOT_READY = "not-ready"
    NOT_RECORDED = "not-recorded"
    EVENTS_UNAVAILABLE = "events-unavailable"


class Kind(BaseModel):
    """What is always the same about a code."""

    model_config = ConfigDict(frozen=True)

    status: int
    title: str
    retryable: bool = False


KINDS: Final[Mapping[Code, Kind]] = {
    Code.NOT_UTF8: Kind(status=400, title="The body is not UTF-8"),
    Code.MALFORMED_JSON: Kind(status=400, title="The body is not JSON"),
    Code.INVALID_CURSOR: Kind(status=400, title="The cursor was not given to this tenant for this list"),
    Code.INVALID_IDEMPOTENCY_KEY: Kind(status=400, title="The Idempotency-Key cannot be used"),
    Code.UNAUTHENTICATED: Kind(status=401, title="A valid credential is needed"),
    Code.INSUFFICIENT_SCOPE: Kind(status=403, title="The credential may not do this"),
    Code.TENANT_MISMATCH: Kind(status=403, title="The credential belongs to another tenant"),
    Code.UNKNOWN_DETECTOR: Kind(status=404, title="Nobody has described this detector"),
    Code.NOT_FOUND: Kind(status=404, title="There is nothing here"),
    Code.METHOD_NOT_ALLOWED: Kind(status=405, title="This method is not offered here"),
    Code.REQUEST_TIMEOUT: Kind(status=408, title="The body took too long to arrive", retryable=True),
    Code.IDEMPOTENCY_IN_FLIGHT: Kind(
        status=409, title="A request with this Idempotency-Key is being answered", retryable=True
    ),
    Code.BODY_TOO_LONG: Kind(status=413, title="The body is too long"),
    Code.OUTPUT_TOO_LONG: Kind(status=413, title="The detector output is too long"),
    Code.UNSUPPORTED_MEDIA_TYPE: Kind(status=415, title="The body must be application/json"),
    Code.INVALID_REQUEST: Kind(status=422, title="The request does not have the declared shape"),
    Code.UNREADABLE_OUTPUT: Kind(status=422, title="The output does not have the shape its detector declares"),
    Code.CONTENT_REFUSED: Kind(status=422, title="The request holds what looks like content"),
    Code.IDEMPOTENCY_CONFLICT: Kind(status=422, title="The Idempotency-Key was used for another request"),
    Code.RATE_LIMITED: Kind(status=429, title="Too many requests", retryable=True),
    Code.ENGINE_BUSY: Kind(status=429, title="Too many labels wait for the model", retryable=True),
    Code.INTERNAL_ERROR: Kind(status=500, title="The service failed", retryable=True),
    Code.NOT_READY: Kind(status=503, title="The service is not ready", retryable=True),
    Code.NOT_RECORDED: Kind(status=503, title="The event could not be made durable", retryable=True),
    Code.EVENTS_UNAVAILABLE: Kind(status=503, title="Recorded events cannot be read now", retryable=True),
}

_OWN_WORDS: Final[Mapping[str, str]] = {"model_type": "must be an object", "missing": "is required"}
"""For findings whose usual message speaks of this program rather than of the body."""


class FieldProblem(BaseModel):
    """One thing wrong with one place of the body: an RFC 6901 pointer and what to do about it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pointer: str
    detail: str


class ProblemDocument(BaseModel):
    """An RFC 9457 problem.

    Attributes:
        type: `urn:llama-mapper:problem:<code>`.
        instance: `urn:uuid:<id>`; the id of the counted rejection where the caller was authenticated.
        code: the closed list of `Code`.
        retryable: whether the same request may succeed later.
        errors: every field problem, for `invalid-request`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: Code
    retryable: bool
    errors: tuple[FieldProblem, ...] = Field(default=())


class Refusal(MapperError):
    """A request that is refused.

    Attributes:
        code: why.
        detail: what is wrong and what to do, without anything the caller sent.
        errors: field problems.
        retry_after: seconds after which the same request may succeed; None where the code is not retryable.
    """

    def __init__(
        self, code: Code, detail: str, errors: Sequence[FieldProblem] = (), *, retry_after: int | None = None
    ) -> None:
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.retry_after = (retry_after or 1) if KINDS[code].retryable else None
        super().__init__(detail)

    @property
    def status(self) -> int:
        """HTTP status of its code."""
        return KINDS[self.code].status

    def document(self, instance: str | None = None) -> ProblemDocument:
        """The problem document; `instance` is the id of its counted rejection, if there is one."""
        kind = KINDS[self.code]
        return ProblemDocument(
            type=f"urn:llama-mapper:problem:{self.code}",
            title=kind.title,
            status=kind.status,
            detail=self.detail,
            instance=f"urn:uuid:{instance or uuid7()}",
            code=self.code,
            retryable=kind.retryable,
            errors=self.errors,
        )


def invalid_request(error: ValidationError, fields: Iterable[str]) -> Refusal:
    """Every field problem of a body, without its values and without names of fields nobody declared.

    Args:
        error: what validation found.
        fields: names that may appear in pointers; any other part of a path came from the caller.
    """
    declared = frozenset(fields)
    found = dict.fromkeys(_field_problem(dict(item), declared) for item in error.errors(include_input=False))
    plural = "problem" if len(found) == 1 else "problems"
    return Refusal(Code.INVALID_REQUEST, f"The body has {len(found)} {plural}; see errors.", tuple(found))


def _field_problem(item: Mapping[str, object], declared: frozenset[str]) -> FieldProblem:
    location = item["loc"]
    parts = [str(part) for part in (location if isinstance(location, tuple) else ())]
    if item["type"] == "extra_forbidden":
        return FieldProblem(
            pointer=_pointer(parts[:-1], declared), detail="Has a field that is not declared; leave it out."
        )
    detail = _OWN_WORDS.get(str(item["type"]), str(item["msg"]).removeprefix("Value error, "))
    return FieldProblem(pointer=_pointer(parts, declared), detail=f"{detail[:1].upper()}{detail[1:]}.")


def _pointer(parts: Sequence[str], declared: frozenset[str]) -> str:
    kept = []
    for part in parts:
        if part not in declared and not part.isdigit():
            break
        kept.append(part)
    return "".join(f"/{part}" for part in kept)
