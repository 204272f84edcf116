"""What looks like content goes no further: it is refused, or reduced to what may be kept of it.

`MAPPER_CONTENT_POLICY` says which. Under `hash` a label that looks like content is answered by rules alone, so no model
and no cache ever gets it, and its event has a keyed hash in the label's place; a description or field that does is
dropped. What a detector's YAML has, and what consists of known words, is never taken for content.
"""

from typing import Literal

from mapper_domain.content import looks_like_content, looks_private, reads_like_prose
from mapper_domain.payloads import Finding
from mapper_serving.bodies import MapRequest
from mapper_serving.problems import Code, Refusal
from mapper_serving.settings import Settings
from mapper_serving.state import Serving
from mapper_serving.telemetry import Metrics

Place = Literal["label", "field", "description"]


class Guard:
    """Keeps content away from models, caches and disks."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._refuses = settings.content_policy == "refuse"
        self._metrics = metrics

    def request(self, sent: MapRequest) -> MapRequest:
        """The request with metadata that does not look like content; its output is judged finding by finding.

        Raises:
            Refusal: `content-refused`.
        """
        about = sent.metadata
        if not about.field and not about.description:
            return sent
        kept = {"field": self._kept("field", about.field), "description": self._kept("description", about.description)}
        return sent.model_copy(update={"metadata": about.model_copy(update=kept)})

    def finding(self, found: Finding) -> Finding:
        """The finding with a field and description that do not look like content.

        Raises:
            Refusal: `content-refused`.
        """
        if not found.field and not found.description:
            return found
        kept = {"field": self._kept("field", found.field), "description": self._kept("description", found.description)}
        return found.model_copy(update=kept)

    def is_content(self, label: str, detector: str, serving: Serving) -> bool:
        """Whether a label nobody reviewed looks like content.

        Raises:
            Refusal: `content-refused`.
        """
        if serving.may_store(detector, (label,)) or not looks_like_content(label):
            return False
        self._met("label")
        return True

    def _kept(self, place: Place, text: str | None) -> str | None:
        """The text, or what stands for none; a description may be prose, so only its form counts."""
        if text and (looks_private(text) or _lines(text) > 1 or (place == "field" and reads_like_prose(text))):
            self._met(place)
            return None if place == "field" else ""
        return text

    def _met(self, place: Place) -> None:
        self._metrics.count("mapper_content_total", place, "refused" if self._refuses else "reduced")
        if self._refuses:
            raise Refusal(
                Code.CONTENT_REFUSED,
                f"A {place} looks like something a detector scanned or matched; send the detector's own words only.",
            )


def _lines(text: str) -> int:
    return len(text.splitlines())
