"""Every error this product raises on purpose.

    MapperError
    ├── CatalogError            the YAML catalogue cannot be used; carries every Problem found
    ├── MigrationError          labels cannot be carried from one taxonomy version to another
    ├── InvalidTenant           a tenant id that could escape a path or break a partition key
    ├── UnknownDetector         nobody has described this detector; names the nearest known ones
    ├── PayloadError            a detector's answer cannot be read as findings
    │   └── DetectorFailed      the answer reports that the detector itself failed
    ├── ReleaseError            a release cannot be used
    │   ├── ReleaseMissing      there is no release yet
    │   ├── ReleaseUnreachable  the store the releases are in does not answer
    │   ├── ReleaseCorrupt      a file is missing or its hash differs from the manifest
    │   ├── ReleaseMismatch     the release needs another base model, prompt or taxonomy
    │   └── GatesFailed         the evaluation does not pass, so nothing is promoted
    ├── EngineError             the model could not answer
    │   ├── EngineTimeout       not within the request's budget
    │   └── EngineOverloaded    its queue is full
    ├── EventWriteError         an event could not be made durable, so it must not be acknowledged
    └── EvidenceIncomplete      counts from received to report do not reconcile

Messages say what is wrong, with which value, and what to do about it. They never contain detector output.
"""

from collections.abc import Sequence
from dataclasses import dataclass


class MapperError(Exception):
    """Base of all errors raised on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one place in a source file.

    Attributes:
        file: path as the reader knows it, relative to the catalogue root.
        line: 1-based line, or None when the whole file is meant.
        value: the offending value as written, empty when something is absent.
        message: what is wrong.
        remedy: what to do, for example the nearest valid label.
    """

    file: str
    line: int | None
    value: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        value = f" {self.value!r}" if self.value else ""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{place}:{value} {self.message}{remedy}"


class CatalogError(MapperError):
    """The catalogue has problems; all of them are in `problems` and in the message."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        plural = "problem" if len(self.problems) == 1 else "problems"
        super().__init__(f"{len(self.problems)} {plural} in the catalogue:\n" + "\n".join(map(str, self.problems)))


class MigrationError(MapperError):
    """Labels cannot be carried from one taxonomy version to another without guessing, or no migration is described."""


class InvalidTenant(MapperError):
    """The tenant id is not `^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`."""


class UnknownDetector(MapperError):
    """No YAML describes this detector.

    Attributes:
        name: the detector as sent.
        nearest: up to three known detector names, most similar first.
    """

    def __init__(self, name: str, nearest: Sequence[str]) -> None:
        self.name = name
        self.nearest = tuple(nearest)
        hint = f" Nearest known: {', '.join(self.nearest)}." if self.nearest else ""
        super().__init__(f"Detector {name!r} has no YAML.{hint} Add detectors/{name}.yaml or allow unknown detectors.")


class PayloadError(MapperError):
    """The detector's answer does not have the shape its YAML declares."""


class DetectorFailed(PayloadError):
    """The detector's answer reports a failure of its own: neither a finding nor the absence of one."""


class ReleaseError(MapperError):
    """A release cannot be used."""


class ReleaseMissing(ReleaseError):
    """There is no release at the place the pointer names, or no pointer at all."""


class ReleaseUnreachable(ReleaseError):
    """The store the releases are in does not answer, or refuses to."""


class ReleaseCorrupt(ReleaseError):
    """A file of the release is missing or its SHA-256 differs from the manifest."""


class ReleaseMismatch(ReleaseError):
    """The release was made for another base model, prompt version or adapter rank."""


class GatesFailed(ReleaseError):
    """The evaluation misses at least one gate, so the release is not promoted."""


class EngineError(MapperError):
    """The model could not answer."""


class EngineTimeout(EngineError):
    """The model did not answer within the request's budget."""


class EngineOverloaded(EngineError):
    """The model's queue is full."""


class EventWriteError(MapperError):
    """The event could not be made durable; the caller must not be told it was accepted."""


class EvidenceIncomplete(MapperError):
    """Counts from received to report do not reconcile, so no report may be called complete."""
