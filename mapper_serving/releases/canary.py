"""Whether a canary has to go: its answers of the last minutes, judged by bounds. Also who went, remembered."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import structlog
from pydantic import AwareDatetime, ValidationError

from mapper_domain.release import Canary
from mapper_domain.value import Value
from mapper_serving.releases.tally import Tally

Bound = Literal["error", "invalid", "fallback"]
log = structlog.get_logger(__name__)


class Bounds(NamedTuple):
    """What a canary may do before it is taken out. It is when a rate is above its bound, not at it.

    Attributes:
        least: outputs, or questions to the model, before a rate of them counts.
        error: share of its outputs it may fail at.
        invalid: share of its outputs it may answer against the schema.
        fallback: share of its questions its model may leave to the rules in silence; the whole share it leaves to
            them, for being unsure as well, may be above the stable release's by as much.
    """

    least: int
    error: float
    invalid: float
    fallback: float


class Passed(NamedTuple):
    """The bound a canary passed, and how, in one sentence."""

    bound: Bound
    reason: str


def judge(canary: Tally, stable: Tally, bounds: Bounds) -> Passed | None:
    """The first bound the canary is above, if it is above any."""
    counts = canary.counts()
    given = counts["answered"] + counts["error"] + counts["invalid"]
    if given >= bounds.least:
        if counts["error"] > bounds.error * given:
            return Passed("error", f"It failed at {counts['error']} of its last {given} outputs.")
        if counts["invalid"] > bounds.invalid * given:
            return Passed("invalid", f"It answered {counts['invalid']} of its last {given} outputs against the schema.")
    asked = counts["asked"]
    if asked < bounds.least:
        return None
    left = counts["silent"] + counts["unsure"]
    others = stable.counts()
    usual = (others["silent"] + others["unsure"]) / others["asked"] if others["asked"] >= bounds.least else 1.0
    if counts["silent"] > bounds.fallback * asked or left / asked > usual + bounds.fallback:
        return Passed("fallback", f"Its model left {left} of its last {asked} questions to the rules.")
    return None


class Stopped(Value):
    """A canary that was taken out.

    Attributes:
        canary: as it was asked for; asked for in another way, or again, it may try again.
        reason: one sentence.
    """

    canary: Canary
    reason: str
    at: AwareDatetime


class Stops:
    """The canary taken out last, kept in a file, so that neither a restart nor another worker lets it back in."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: Stopped | None = None

    def read(self) -> None:
        """Learn of a canary another process took out. A file that cannot be read says nothing."""
        try:
            found = Stopped.model_validate_json(self._path.read_bytes())
        except (OSError, ValidationError):
            return
        if self._last is None or found.at >= self._last.at:  # one may have gone here while the file was read
            self._last = found

    def reason(self, canary: Canary) -> str:
        """Why this canary was taken out; empty when it was not."""
        return self._last.reason if self._last is not None and self._last.canary == canary else ""

    def remember(self, canary: Canary, reason: str) -> None:
        """Keep it out until it is asked for again. Where the file cannot be written, until this process ends."""
        self._last = Stopped(canary=canary, reason=reason, at=datetime.now(UTC))
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._path.with_suffix(".partial")
            partial.write_text(self._last.model_dump_json())
            partial.replace(self._path)
        except OSError as error:
            log.error("canary.stop_not_kept", exc_info=error)
