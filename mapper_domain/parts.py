"""One place in a detector's answer, and how its entries become findings.

Which places an answer has, and when it is no answer at all, is said in `payloads`. Nothing here ever puts a
piece of an answer into a message.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, model_validator

from mapper_domain.errors import PayloadError
from mapper_domain.expressions import Expression, search
from mapper_domain.value import Value
from mapper_domain.verdicts import Verdict, one_label


class Finding(Value):
    """One thing a detector reported, with nothing of the text it was found in.

    Attributes:
        label: the detector's own label string.
        field: the part of the output it came from, where that matters.
        score: how sure the detector is, in 0..1, if it gave a score; higher is surer, whatever its own polarity.
        description: the caller's explanation of the label, only for detectors without a YAML.
    """

    label: str
    field: str | None = None
    score: float | None = Field(default=None, ge=0.0, le=1.0)
    description: str = ""


class Severity(Value):
    """A scale of which the lower part means nothing was found.

    Attributes:
        at: where an entry has its severity.
        benign: the highest value that is no finding: a number, or one of `scale`.
        scale: severity words, mildest first; empty for numbers. A word that is not on it counts as a finding.
    """

    at: Expression
    benign: float | str
    scale: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _benign_is_on_the_scale(self) -> Self:
        if isinstance(self.benign, str) and self.benign not in self.scale:
            raise ValueError(f"benign {self.benign!r} is not on the scale {list(self.scale)}")
        if not isinstance(self.benign, str) and self.scale:
            raise ValueError("benign must be one of the words of the scale, or the scale must be left out")
        return self

    def is_finding(self, entry: JsonValue) -> bool:
        """Whether the entry's severity is above the benign one.

        Raises:
            PayloadError: when the entry has no severity of the declared kind.
        """
        value = search(self.at, entry)
        if isinstance(self.benign, str):
            if not isinstance(value, str):
                raise PayloadError(f"An entry has no severity word at {self.at!r}.")
            return value not in self.scale or self.scale.index(value) > self.scale.index(self.benign)
        return number(value, self.at) > self.benign


class Part(Value):
    """One place in an answer and how its entries read. Either `label`, or `flags` and/or `scores`.

    Attributes:
        find: the entries: a list, or one entry. Absent (null) is not the same as empty.
        field: name given to findings from here, where the same label means different things in different parts.
        label: the label of an entry, or several in a list or, with `separator`, in one text.
        separator: separates labels in one text.
        answer: text of an entry, read by the payload's `text` grammar; a positive verdict gives `label`, unless the
            text itself says what was found.
        severity: which entries are findings, by severity.
        flags: an object in the entry, label to true or false.
        scores: an object in the entry, label to score.
        value: the number in a value of `scores`.
        score: the score of an entry with `label`.
        score_max: the detector's own scale ends here, for example 100.
        threshold: least score (after conversion to 0..1) that is a finding, or where an entry has it.
        polarity: `low` where a score below the threshold, or a flag that is false, is the finding.
    """

    find: Expression
    field: str | None = None
    label: Expression | None = None
    separator: str | None = Field(default=None, min_length=1)
    answer: Expression | None = None
    severity: Severity | None = None
    flags: Expression | None = None
    scores: Expression | None = None
    value: Expression = "@"
    score: Expression | None = None
    score_max: float = Field(default=1.0, gt=0.0)
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] | Expression | None = None
    polarity: Literal["high", "low"] = "high"

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        by_key = self.flags is not None or self.scores is not None
        if (self.label is not None) == by_key:
            raise ValueError("a part needs either label, or flags and/or scores")
        if by_key and (self.severity or self.answer or self.separator or self.score):
            raise ValueError("severity, answer, separator and score belong to label, not to flags or scores")
        if self.scores is not None and self.flags is None and not isinstance(self.threshold, float):
            raise ValueError("scores without flags need a threshold, else every label is a finding")
        if self.threshold is not None and self.label is not None and self.score is None:
            raise ValueError("threshold needs score")
        if self.polarity == "low" and self.threshold is None and self.flags is None:
            raise ValueError("polarity low needs a threshold or flags")
        return self

    def entries(self, answer: JsonValue) -> list[JsonValue] | None:
        """The entries in this place, None where the answer has no such place."""
        found = search(self.find, answer)
        if found is None or found is False:
            return None
        return found if isinstance(found, list) else [found]

    def read(self, entry: JsonValue, grammar: Verdict | None) -> Iterator[Finding]:
        """Findings in one entry.

        Raises:
            PayloadError: when the entry is not of the declared shape.
        """
        return _by_key(self, entry) if self.label is None else _by_label(self, entry, grammar)


def _by_label(part: Part, entry: JsonValue, grammar: Verdict | None) -> Iterator[Finding]:
    labels = _labels(part, entry)
    if part.answer is not None and grammar is not None:
        answer = search(part.answer, entry)
        if not isinstance(answer, str):
            raise PayloadError(f"An entry has no text at {part.answer!r}.")
        verdict = grammar.read(answer)
        if verdict is None:
            labels = (one_label(answer),)
        elif not grammar.is_bare(verdict):
            labels = tuple(one_label(label) for label in verdict)
    if part.severity is not None and not part.severity.is_finding(entry):
        return
    raw = search(part.score, entry) if part.score else None
    score = None if raw is None and part.threshold is None else _score(raw, part)
    if part.threshold is not None and score is not None and not _passes(score, part, entry):
        return
    for label in labels:
        yield Finding(label=label, field=part.field, score=_sureness(score, part))


def _by_key(part: Part, entry: JsonValue) -> Iterator[Finding]:
    if part.flags is None:
        for label, raw in _object(part.scores or "@", entry).items():
            own = _score(search(part.value, raw), part)
            if _passes(own, part, entry):
                yield Finding(label=one_label(label), field=part.field, score=_sureness(own, part))
        return
    scores = search(part.scores, entry) if part.scores else None
    for label, flag in _object(part.flags, entry).items():
        if flag is not None and not isinstance(flag, bool):
            raise PayloadError(f"A value at {part.flags!r} is {_kind(flag)}, not true or false.")
        if flag is (part.polarity == "high"):
            given = scores.get(label) if isinstance(scores, dict) else None
            score = None if given is None else _score(search(part.value, given), part)
            yield Finding(label=one_label(label), field=part.field, score=score)


def _labels(part: Part, entry: JsonValue) -> tuple[str, ...]:
    found = search(part.label or "@", entry)
    if isinstance(found, str) and part.separator is not None:
        found = [*found.split(part.separator)]
    labels = found if isinstance(found, list) else [found]
    if not labels or not all(isinstance(label, str) for label in labels):
        raise PayloadError(f"An entry at {part.find!r} has no label at {part.label!r}.")
    return tuple(one_label(str(label)) for label in labels)


def _passes(score: float, part: Part, entry: JsonValue) -> bool:
    limit = part.threshold
    if isinstance(limit, str):
        limit = number(search(limit, entry), limit) / part.score_max
    return limit is None or (score >= limit if part.polarity == "high" else score < limit)


def _sureness(score: float | None, part: Part) -> float | None:
    return score if score is None or part.polarity == "high" else 1.0 - score


def _score(raw: JsonValue, part: Part) -> float:
    place = part.score or part.scores or part.find
    score = number(raw, place) / part.score_max
    if not 0.0 <= score <= 1.0:
        raise PayloadError(f"A score at {place!r} is outside 0..{part.score_max:g}.")
    return score


def number(value: JsonValue, place: str) -> float:
    """The value as a number.

    Raises:
        PayloadError: when it is anything else, or larger than a double holds, naming the place.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PayloadError(f"There is {_kind(value)} at {place!r} where a number is expected.")
    try:
        return float(value)
    except OverflowError:
        raise PayloadError(f"The number at {place!r} is too large.") from None


def _object(expression: str, entry: JsonValue) -> Mapping[str, JsonValue]:
    found = search(expression, entry)
    if not isinstance(found, dict):
        raise PayloadError(f"There is {_kind(found)} at {expression!r} where an object is expected.")
    return found


def _kind(value: JsonValue) -> str:
    names = {type(None): "null", bool: "boolean", str: "text", list: "list", dict: "object"}
    return names.get(type(value), "number")
