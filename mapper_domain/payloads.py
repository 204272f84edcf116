"""How a detector's native answer becomes findings. Values (the matched text) are dropped here, at the door."""

from pydantic import JsonValue

from mapper_domain.value import Value


class Finding(Value):
    """One thing a detector reported, with nothing of the text it was found in.

    Attributes:
        label: the detector's own label string.
        field: the part of the output it came from, where that matters.
        score: the detector's own score in 0..1, if it gave one.
        description: the caller's explanation of the label, only for detectors without a YAML.
    """

    label: str
    field: str | None = None
    score: float | None = None
    description: str = ""


class Payload(Value):
    """Declares where findings are in a native answer. Read by `findings`."""


def findings(output: JsonValue, payload: Payload | None) -> tuple[Finding, ...]:
    """Findings in a native answer; an empty tuple means the detector ran and found nothing."""
    raise NotImplementedError
