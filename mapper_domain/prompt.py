"""The one prompt and the one answer format, for dataset, evaluation and serving alike.

The model is asked for labels only. Scores, confidence and provenance are assembled from
probabilities by the caller: a model trained to print 0.95 learns to print 0.95.
"""

import json
from collections.abc import Sequence

PROMPT_VERSION = "1"


def instruction(detector: str, label: str, *, kind: str = "", field: str | None = None, description: str = "") -> str:
    """The question put to the model about one native label.

    Args:
        detector: the detector's name.
        label: its own label string, one line.
        kind: what the detector looks for, for example `pii`.
        field: the part of its output the label appears in.
        description: a one-line explanation of the label, where somebody gave one.
    """
    parts = [f"Detector: {one_line(detector)}" + (f" ({one_line(kind)})" if kind else "")]
    if field:
        parts.append(f"Field: {one_line(field)}")
    parts.append(f"Output: {one_line(label)}")
    if description:
        parts.append(f"Meaning: {one_line(description)}")
    return "Map to the taxonomy. " + ", ".join(parts)


def beginning(question: str) -> str:
    """What all questions about one detector and field begin with: the instruction up to the label, if it has one."""
    before, mark, _ = question.partition(", Output:")
    return before + mark if mark else ""


def prompt(question: str) -> str:
    """The text the model continues; what follows it is `answer(...)` and the end-of-text token."""
    return f"{question}\n"


def answer(labels: Sequence[str]) -> str:
    """The response text for these labels: compact JSON, taxonomy first."""
    return json.dumps({"taxonomy": list(labels)}, separators=(",", ":"))


def schema(labels: Sequence[str]) -> dict[str, object]:
    """The JSON Schema of the answers that name one of these labels, for servers that hold a model to a schema."""
    named = {"type": "array", "items": {"enum": list(labels)}, "minItems": 1, "maxItems": 1}
    return {
        "type": "object",
        "properties": {"taxonomy": named},
        "required": ["taxonomy"],
        "additionalProperties": False,
    }


def one_line(text: str) -> str:
    """Text with line breaks and runs of blanks made single blanks, so that input cannot add prompt lines."""
    return " ".join(text.split())
