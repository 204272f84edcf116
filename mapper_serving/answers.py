"""Bodies of answers as callers see them. The client reads the same types, so nothing here needs a web framework."""

from pydantic import BaseModel, ConfigDict, Field

from mapper_domain.events import CanonicalEvent, Versions
from mapper_domain.proposals import Proposal
from mapper_serving.problems import ProblemDocument


class Closed(BaseModel):
    """A body: no field but the declared ones, and errors that do not repeat what was sent."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class RecordedEvent(Closed):
    """An event and the id it is stored under."""

    event_id: str
    event: CanonicalEvent


class EventList(Closed):
    """Answer to an output that was sent with `"events": "per_finding"`: its events in the order of the findings.

    An output in which nothing was found, or whose detector failed, has one event.
    """

    events: tuple[RecordedEvent, ...] = Field(min_length=1)
    version_info: Versions


class BatchItem(Closed):
    """What became of one item, at the place the item had.

    Exactly one of: `event_id` and `event`; `events`, when the item asked for one per finding; `problem`. And
    `version_info`, where the item was answered by another release than the batch names.
    """

    index: int
    status: int
    event_id: str | None = None
    event: CanonicalEvent | None = None
    events: tuple[RecordedEvent, ...] | None = None
    problem: ProblemDocument | None = None
    version_info: Versions | None = None


class BatchCounts(Closed):
    """Of items, whatever number of events one became: received = accepted + rejected."""

    received: int
    accepted: int
    rejected: int


class BatchAnswer(Closed):
    """Answer to a batch, items in the order they were sent."""

    items: tuple[BatchItem, ...]
    counts: BatchCounts
    version_info: Versions


class ProposalAnswer(Proposal):
    """A proposal, and the detector file to review.

    Attributes:
        yaml: the file's text.
        version_info: of what made it.
    """

    yaml: str
    version_info: Versions
