"""A proposal as a detector file, ready for review and for `detectors/`.

What is settled is mapped. What needs review is written as a commented entry, so that merging the file unread makes
no guess a fact: the catalogue does not know the label, and the mapper goes on saying so. Lines that begin with `##`
are remarks; taking the `# ` from any other commented line of `maps` accepts what stands there.

A file in which nothing is settled maps nothing, and the catalogue refuses it until a reviewer has accepted a label.
"""

import re
from collections.abc import Iterator, Sequence

import yaml

from mapper_domain.prompt import one_line
from mapper_domain.proposals import Candidate, Proposal, Suggestion

UNSTATED = "unstated"
"""Stands where the vendor's version belongs, when nobody said which."""

_SHOWN = 0.005
"""Candidates less probable than this read 0.00 and are left out beside settled labels."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./&()+-]*(?: [A-Za-z0-9_./&()+-]+)*")
_RESOLVED = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_ENTRY = re.compile(r"^( *)# ", re.MULTILINE)


def render(proposal: Proposal) -> str:
    """The file's text; `mapper_domain.catalog` reads it under the name `detectors/<detector>.yaml`."""
    groups = _groups(proposal)
    settled = [group for group in groups if not all(s.needs_review for s in group)]
    open_ones = [group for group in groups if all(s.needs_review for s in group)]
    lines = [*_head(proposal), "", "maps:"]
    for group in settled:
        lines += _entries(group)
    if open_ones:
        lines += ["", f"  ## To review, {len(open_ones)} of {len(groups)}:"]
    for group in open_ones:
        lines += _entries(group)
    if reviewed := [s.label for s in proposal.labels if s.reviewed]:
        known = ", ".join(map(scalar, reviewed))
        lines += ["", f"## In detectors/{proposal.detector}.yaml already, spelling aside: {known}"]
    return "\n".join(lines) + "\n"


def accepted(text: str) -> str:
    """A rendered file with every commented entry accepted: what a reviewer gets who agrees with all of it."""
    head, mark, maps = text.partition("\nmaps:\n")
    return head + mark + _ENTRY.sub(r"\1", maps)


def scalar(text: str) -> str:
    """A text as one line of YAML that every reader takes for the same text, in block and in flow context."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESOLVED:
        return text
    dumped: str = yaml.safe_dump(text, default_style='"', width=float("inf"), allow_unicode=True)
    return dumped.rstrip("\n")


def _head(proposal: Proposal) -> Iterator[str]:
    settled, waiting = len(proposal.settled), len(proposal.to_review)
    yield f"# Proposed by {_who(proposal)} for review: {settled} labels are mapped, {waiting} wait for a person."
    if waiting:
        yield "# What begins with a single # below `maps` is not in force. To accept it, choose among the candidates"
        yield "# in the remark above it, and take away the # and one blank."
    if proposal.exists:
        yield f"# detectors/{proposal.detector}.yaml exists: add these labels to its `maps`; do not replace the file."
    if proposal.sent_as != proposal.detector:
        yield f"# Seen as {one_line(proposal.sent_as)}: send it as {proposal.detector} once this is merged."
    yield f"detector: {scalar(proposal.detector)}"
    yield f"version: {scalar(proposal.version or UNSTATED)}" + ("" if proposal.version else "  # the vendor's, please")
    if proposal.kind:
        yield f"kind: {scalar(proposal.kind)}"


def _who(proposal: Proposal) -> str:
    return "the rules alone" if proposal.release == "rules" else f"release {proposal.release}"


def _groups(proposal: Proposal) -> list[list[Suggestion]]:
    """Suggestions with the same label string, which share a key of the file; without what is reviewed already."""
    found: dict[str, list[Suggestion]] = {}
    for suggestion in proposal.labels:
        if not suggestion.reviewed:
            found.setdefault(suggestion.label, []).append(suggestion)
    return list(found.values())


def _entries(group: Sequence[Suggestion]) -> Iterator[str]:
    """Lines of one label; several meanings, by field, are a list below it."""
    if len(group) == 1:
        yield from _entry(group[0], f"{scalar(group[0].label)}: ", "  ")
        return
    commented = "# " if all(s.needs_review for s in group) else ""
    yield f"  {commented}{scalar(group[0].label)}:"
    for suggestion in group:
        yield from _entry(suggestion, "- ", "    ")


def _entry(suggestion: Suggestion, begin: str, indent: str) -> Iterator[str]:
    line = begin + _meaning(suggestion)
    if suggestion.needs_review:
        reasons = "; ".join(reason.sentence for reason in suggestion.reasons)
        yield f"{indent}## {reasons}{_listed(suggestion.candidates)}"
        yield f"{indent}# {line}"
    else:
        rule = f", {suggestion.match}" if suggestion.match else ""
        others = [c for c in suggestion.candidates if c.label not in suggestion.taxonomy and c.probability >= _SHOWN]
        yield f"{indent}{line}  # {suggestion.confidence:.2f}{rule}{_listed(others, '; else')}"


def _meaning(suggestion: Suggestion) -> str:
    labels = suggestion.taxonomy
    if len(labels) == 1 and not suggestion.field and not suggestion.description:
        return labels[0]
    parts = [f"taxonomy: [{', '.join(labels)}]"]
    if len(labels) > 1:
        parts.append("relation: all")
    if suggestion.field:
        parts.append(f"field: {scalar(suggestion.field)}")
    if suggestion.description:
        parts.append(f"description: {scalar(suggestion.description)}")
    return f"{{{', '.join(parts)}}}"


def _listed(candidates: Sequence[Candidate], begin: str = ":") -> str:
    return f"{begin} {', '.join(f'{c.label} {c.probability:.2f}' for c in candidates)}" if candidates else ""
