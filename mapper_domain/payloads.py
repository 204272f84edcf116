"""How a detector's native answer becomes findings. Values (the matched text) are dropped here, at the door.

A detector's YAML declares where findings are in its answer (`Payload`); `findings` reads an answer by it. What a
label means is no concern of this module. Nothing here ever puts a piece of an answer into a message.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import Self

from pydantic import Field, JsonValue, model_validator

from mapper_domain.errors import DetectorFailed, PayloadError
from mapper_domain.expressions import Expression, search
from mapper_domain.parts import Finding as Finding
from mapper_domain.parts import Part, number
from mapper_domain.value import Value
from mapper_domain.verdicts import Verdict, one_label

MAX_FINDINGS = 1000
"""Most findings in one answer."""

MAX_FIELD, MAX_DESCRIPTION = 64, 500
"""Most characters of what a detector nobody has described may say about a label."""


class Payload(Value):
    """Declares where findings are in a native answer. Read by `findings`.

    Attributes:
        parts: places of findings. An answer in which none of them is present is not this detector's answer.
        ran: true of every answer of a detector that ran, where being present is not enough to know.
        failed: true of an answer that reports a failure of the detector itself.
        otherwise: a label for answers that say something was found while no part says what.
        negatives: labels that mean nothing was found, case aside.
        text: the grammar of answers that are text. Without one, a text is one label.
        lines: separates name and value on each line of answers that are text, as `:` in `Harmful request: yes`. Such a
            text is read by the parts, as an object with its names in lower case; one without it is one label.
    """

    parts: tuple[Part, ...] = ()
    ran: Expression | None = None
    failed: Expression | None = None
    otherwise: Expression | None = None
    negatives: tuple[str, ...] = ()
    text: Verdict | None = None
    lines: str | None = Field(default=None, min_length=1)

    @cached_property
    def _silent(self) -> frozenset[str]:
        return frozenset(negative.casefold() for negative in self.negatives)

    def says_nothing(self, label: str) -> bool:
        """Whether the label is one of the negatives."""
        return label.casefold() in self._silent

    @model_validator(mode="after")
    def _answers_have_a_grammar(self) -> Self:
        if self.text is None and any(part.answer for part in self.parts):
            raise ValueError("a part with answer needs the payload's text grammar")
        return self


SCORED_LABELS = Payload(parts=(Part(find="[]", label="label", score="score", threshold=0.5),))
"""The usual answer of a text classifier, for detectors whose YAML declares none: `[{"label": ..., "score": 0.98}]`.

Every label comes with its score, so one below one half is no finding.
"""


def findings(output: JsonValue, payload: Payload | None) -> tuple[Finding, ...]:
    """Findings in a native answer; an empty tuple means the detector ran and found nothing.

    A plain text is one finding with that label unless the payload declares a text grammar; a text that begins with
    `{` or `[` is read as JSON.

    Args:
        output: the detector's answer, or just one of its labels.
        payload: how its YAML says answers read. None for a detector nobody has described: it sends a label,
            or one or many objects `{label, score?, field?, description?}` with scores in 0..1. Whatever it sends
            counts as found: only its YAML could say below which score it does not.

    Raises:
        DetectorFailed: when the answer reports a failure.
        PayloadError: when the answer is not of the declared shape or has more than `MAX_FINDINGS` findings.
            Never quotes the answer.
    """
    if isinstance(output, str) and output.lstrip()[:1] in ("{", "["):
        output = _parse_json(output)
    if payload is None:
        return _distinct(_described(output))
    if isinstance(output, str) and payload.lines is None and payload.text is None:
        return () if payload.says_nothing(label := one_label(output)) else (Finding(label=label),)
    return _distinct(_text(output, payload) if isinstance(output, str) else _answer(output, payload))


def _answer(answer: JsonValue, payload: Payload) -> Iterator[Finding]:
    if payload.failed is not None and _truthy(search(payload.failed, answer)):
        raise DetectorFailed(f"The detector reports that it failed (at {payload.failed!r}).")
    entries = [part.entries(answer) for part in payload.parts]
    ran = any(found is not None for found in entries) if payload.ran is None else _truthy(search(payload.ran, answer))
    if not ran:
        places = payload.ran or " or ".join(part.find for part in payload.parts) or "plain text"
        raise PayloadError(f"The answer is not one of this detector: there is nothing at {places}.")
    silent = True
    for part, found in zip(payload.parts, entries, strict=True):
        for entry in found or ():
            for finding in part.read(entry, payload.text):
                if not payload.says_nothing(finding.label):
                    silent = False
                    yield finding
    if silent and payload.otherwise is not None:
        label = search(payload.otherwise, answer)
        if isinstance(label, str) and not payload.says_nothing(label):
            yield Finding(label=one_label(label))


def _text(text: str, payload: Payload) -> Iterator[Finding]:
    if payload.lines is not None and payload.lines in text:
        pairs = (line.partition(payload.lines) for line in text.splitlines())
        yield from _answer({name.strip().lower(): value.strip() for name, found, value in pairs if found}, payload)
        return
    labels = payload.text.read(text) if payload.text is not None else None
    for label in (one_label(text),) if labels is None else labels:
        if not payload.says_nothing(label):
            yield Finding(label=one_label(label))


def _described(output: JsonValue) -> Iterator[Finding]:
    for entry in output if isinstance(output, list) else [output]:
        if isinstance(entry, str):
            yield Finding(label=one_label(entry))
            continue
        allowed = {"label", "score", "field", "description"}
        if not isinstance(entry, dict) or not isinstance(entry.get("label"), str) or not allowed.issuperset(entry):
            raise PayloadError(
                "Without a YAML for the detector, output is a label, or one or many objects with label and, "
                "if you like, score, field and description, and nothing else."
            )
        score = None if entry.get("score") is None else number(entry["score"], "score")
        if score is not None and not 0.0 <= score <= 1.0:
            raise PayloadError("A score is outside 0..1; divide it by the end of the detector's scale.")
        yield Finding(
            label=one_label(str(entry["label"])),
            field=_text_of(entry, "field", MAX_FIELD) or None,
            score=score,
            description=_text_of(entry, "description", MAX_DESCRIPTION),
        )


def _text_of(entry: Mapping[str, JsonValue], key: str, most: int) -> str:
    text = entry.get(key)
    if text is None:
        return ""
    if not isinstance(text, str) or len(text) > most:
        raise PayloadError(f"A {key} is a text of at most {most} characters.")
    return text


def _parse_json(text: str) -> JsonValue:
    try:
        parsed: JsonValue = json.loads(text)
    except (ValueError, RecursionError):
        raise PayloadError("The answer begins like JSON but is not JSON; was it cut?") from None
    return parsed


def _distinct(found: Iterable[Finding]) -> tuple[Finding, ...]:
    every = tuple(islice(found, MAX_FINDINGS + 1))
    if len(every) > MAX_FINDINGS:
        raise PayloadError(f"The answer has more than {MAX_FINDINGS} findings; send it in pieces.")
    if len(every) == 1:
        return every
    by_key: dict[tuple[str, str | None], Finding] = {}
    for finding in every:
        key = (finding.label, finding.field)
        known = by_key.get(key)
        if known is None or (finding.score or 0.0) > (known.score or 0.0):
            by_key[key] = finding
    return tuple(by_key.values())


def _truthy(value: JsonValue) -> bool:
    return value is not None and value is not False and value not in ("", [], {})
