"""Counts and rates of a day, each printed with its definition. Pure functions of the day's events."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mapper_domain.taxonomy import MODEL_ERROR, SAFE, UNKNOWN
from mapper_domain.value import Value

if TYPE_CHECKING:
    import pandas as pd

FALLBACK = (
    "Findings decided by the reviewed rules although a model was asked, divided by all findings for which a model "
    "was asked. A model was asked when the event names a release and its label is neither OTHER.Safe nor "
    "OTHER.ModelError, which need no model."
)
UNKNOWN_RATE = "Events whose first label is OTHER.Unknown, divided by all accepted events."
NO_RELEASE = "rules"
"""What an event names instead of a release when no release was in force."""


class Count(Value):
    """How many events share something."""

    name: str
    events: int


class Rate(Value):
    """A proportion with its parts. Over nothing it is undefined: never 0 % and never 100 %.

    Attributes:
        definition: what is divided by what.
        part: numerator, a number of events.
        whole: denominator, a number of events.
    """

    name: str
    definition: str
    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The proportion, 0 to 1, or None when there is nothing to divide by."""
        return self.part / self.whole if self.whole else None

    @property
    def text(self) -> str:
        """The proportion for a reader, for example `12.5 %`."""
        return "n/a (no events)" if self.value is None else f"{self.value:.1%}".replace("%", " %")


class Lag(Value):
    """Seconds between an event and its being made durable."""

    median: float
    p99: float
    greatest: float


class VersionUse(Value):
    """One version of one kind that was in force for some events."""

    kind: str
    value: str
    events: int


def count(items: Iterable[object]) -> tuple[Count, ...]:
    """Counts of equal items, most frequent first, then by name."""
    from collections import Counter

    found = Counter(str(item) for item in items)
    return tuple(Count(name=name, events=n) for name, n in sorted(found.items(), key=lambda item: (-item[1], item[0])))


def rates(events: "pd.DataFrame") -> tuple[Rate, Rate]:
    """Fallback rate and unknown rate."""
    first = events["taxonomy"].map(lambda labels: labels[0] if len(labels) else "")
    asked = events[(events["model"] != NO_RELEASE) & ~first.isin((SAFE, MODEL_ERROR))]
    return (
        Rate(name="Fallback rate", definition=FALLBACK, part=int((asked["route"] == "rules").sum()), whole=len(asked)),
        Rate(name="Unknown rate", definition=UNKNOWN_RATE, part=int((first == UNKNOWN).sum()), whole=len(events)),
    )


def confidences(events: "pd.DataFrame") -> tuple[Count, ...]:
    """Events by tenth of confidence, all ten tenths, the last one closed: `0.9–1.0` holds 1.0."""
    tenths = events["confidence"].map(lambda value: min(int(value * 10 + 1e-9), 9)).value_counts()
    return tuple(
        Count(name=f"{tenth / 10:.1f}–{(tenth + 1) / 10:.1f}", events=int(tenths.get(tenth, 0))) for tenth in range(10)
    )


def lag(events: "pd.DataFrame") -> Lag | None:
    """Delay from `occurred_at` to `recorded_at`, or None without events."""
    if events.empty:
        return None
    seconds = (events["recorded_at"] - events["occurred_at"]).dt.total_seconds()
    median, p99 = (round(float(seconds.quantile(q)), 3) for q in (0.5, 0.99))
    return Lag(median=median, p99=p99, greatest=round(float(seconds.max()), 3))


def versions(events: "pd.DataFrame") -> tuple[VersionUse, ...]:
    """Every version in force for at least one event: a day on which a release changed has two rows of that kind."""
    columns = {
        "Taxonomy": events["taxonomy_version"],
        "Frameworks and mapping set": events["frameworks_version"],
        "Release": events["release"],
        "Model named by the event": events["model"],
        "Detector mappings (catalogue SHA-256)": events["catalog_sha256"],
        "Prompt": events["prompt_version"],
        "Detector": events["detector"] + " " + events["detector_version"].where(events["detector_version"] != "", "–"),
    }
    return tuple(
        VersionUse(kind=kind, value=found.name, events=found.events)
        for kind, column in columns.items()
        for found in sorted(count(column), key=lambda item: item.name)
    )
