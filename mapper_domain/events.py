"""Canonical events: what `/map` answers and what is stored. No field anywhere can hold raw detector input."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from mapper_domain.tenants import TenantId
from mapper_domain.value import Value

Route = Literal["model", "rules", "cache", "unknown"]
"""Who decided: the model, the rules, a cached earlier answer, or nobody."""

Environment = Literal["dev", "stage", "prod"]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
EVENT_SCHEMA_VERSION = "1.0"

BETWEEN_LABELS = " | "
"""Stands between the detector's labels in the `source_label` of an event with several findings."""


class Provenance(Value):
    """Where an answer came from. `model` is the release id, or `rules` where no release was involved."""

    vendor: str = ""
    detector: str
    detector_version: str = ""
    raw_ref: str = ""
    route: Route
    model: str
    tenant_id: TenantId
    ts: AwareDatetime


class PolicyContext(Value):
    """What the tenant has promised to run, as known when the event was made."""

    expected_detectors: tuple[str, ...] = ()
    environment: Environment = "prod"


class CanonicalEvent(Value):
    """The answer to one finding or one detector answer, exactly as `taxonomy/schema.json` publishes it.

    Attributes:
        taxonomy: at least one label of the taxonomy, primary first.
        scores: probability for exactly the labels of `taxonomy`.
        confidence: calibrated probability that `taxonomy` is right; 0.0 for `OTHER.Unknown`.
        notes: at most 500 characters for a reader; never detector output.
    """

    taxonomy: tuple[str, ...] = Field(min_length=1)
    scores: Mapping[str, Probability]
    confidence: Probability
    notes: str = Field(default="", max_length=500)
    provenance: Provenance
    policy_context: PolicyContext

    @model_validator(mode="after")
    def _scores_match_labels(self) -> "CanonicalEvent":
        if set(self.scores) != set(self.taxonomy) or len(set(self.taxonomy)) != len(self.taxonomy):
            raise ValueError("scores must name exactly the labels of taxonomy, each once")
        return self


class Versions(Value):
    """Versions of everything an answer depended on; hashes are SHA-256 hex."""

    taxonomy: str
    frameworks: str
    release: str
    catalog: str
    prompt: str


class EventRecord(Value):
    """A canonical event as stored: one row of a segment.

    Attributes:
        event_id: UUIDv7 (RFC 9562).
        sequence: 1, 2, 3 … per tenant and UTC day of `occurred_at`, without gaps; the proof that nothing was lost.
        occurred_at: when the detector saw it; its UTC day picks the partition.
        recorded_at: when it was made durable here.
        source_label: the detector's own label, only if it is in a known vocabulary or looks like a label.
        source_label_hmac: per-tenant keyed HMAC-SHA-256 (hex) of it otherwise.
        controls: edition-qualified control keys this event is evidence for, sorted.
    """

    event_id: str
    tenant_id: TenantId
    sequence: int = Field(ge=1)
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    source_label: str | None = None
    source_label_hmac: str | None = None
    versions: Versions
    controls: tuple[str, ...] = ()
    event: CanonicalEvent


class RejectionRecord(Value):
    """A request that was received and refused: counted, so that received = accepted + rejected. Carries no input.

    Attributes:
        code: problem code, for example `unknown-detector`.
    """

    rejection_id: str
    tenant_id: TenantId
    occurred_at: AwareDatetime
    code: str


class DayLedger(Value):
    """Counts of one tenant and UTC day, kept by the outbox in the same transaction as the rows they count.

    Attributes:
        received: accepted + rejected.
        last_sequence: highest sequence given to an event of that day; equals `accepted`.
    """

    tenant_id: TenantId
    day: str
    received: int
    accepted: int
    rejected: int
    last_sequence: int
    updated_at: datetime


def segment_folder(tenant: str, day: str) -> str:
    """Folder of one tenant's events of one UTC day, relative to the events root: `tenant=<t>/day=<yyyy-mm-dd>`."""
    return f"tenant={tenant}/day={day}"
