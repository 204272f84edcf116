"""Bodies of lists as callers see them: what is in service, and what was recorded. The client reads the same types."""

from typing import Literal

from pydantic import Field

from mapper_domain.events import EventRecord, Versions
from mapper_domain.taxonomy import Label
from mapper_serving.answers import Closed


class TaxonomyAnswer(Closed):
    """The taxonomy in service."""

    version: str
    namespace: str
    categories: tuple[str, ...]
    labels: tuple[Label, ...]
    version_info: Versions


class KnownLabel(Closed):
    """A label of a detector that a person has mapped.

    Attributes:
        field: the part of the detector's output it appears in, where that matters.
        taxonomy: what an event says of it.
    """

    label: str
    field: str | None
    taxonomy: tuple[str, ...]
    description: str


class DescribedDetector(Closed):
    """A detector that a YAML describes."""

    name: str
    version: str
    vendor: str
    kind: str
    labels: tuple[KnownLabel, ...]


class DetectorList(Closed):
    """Every described detector, by name."""

    detectors: tuple[DescribedDetector, ...]
    version_info: Versions


class ServedRelease(Closed):
    """One release that answers.

    Attributes:
        role: `stable` answers what the others do not; a `canary` answers its share; a `shadow` is asked afterwards.
        share: of the traffic, from 0 to 1.
        mode: `model`, or `rules` where there is no release.
        versions: of what it answers by; `versions.release` is its id.
    """

    role: Literal["stable", "canary", "shadow"]
    share: float
    mode: Literal["model", "rules"]
    versions: Versions


class AskedTrial(Closed):
    """A canary or a shadow the pointer asks for, and how it fares here.

    Attributes:
        state: `stopped` when a canary passed a bound; it stays out until somebody asks for it again.
        reason: why it does not serve, or empty.
    """

    role: Literal["canary", "shadow"]
    release: str
    share: float
    state: Literal["serving", "loading", "refused", "stopped"]
    reason: str


class ReleaseList(Closed):
    """What answers here.

    Attributes:
        trials: what is on trial, whether it serves or not.
        refused: why the release the pointer names does not serve, or empty.
    """

    releases: tuple[ServedRelease, ...] = Field(min_length=1)
    trials: tuple[AskedTrial, ...] = ()
    refused: str
    version_info: Versions


class EventPage(Closed):
    """Events of one tenant, by UTC day and by sequence within the day.

    Attributes:
        events: as stored.
        next: cursor of what comes after them, now or later.
        more: whether there was more when this page was read.
    """

    events: tuple[EventRecord, ...]
    next: str
    more: bool
    version_info: Versions
