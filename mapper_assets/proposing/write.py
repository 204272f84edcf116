"""Proposals on disk: a detector file each, and a table of all of them. The folder is made anew by each run.

proposals/<detector>.yaml            what is no single tenant's word
proposals/proposals.md               the same as a table
proposals/tenant=<t>/<detector>.yaml one tenant's words, to be shared only with that tenant's consent
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from mapper_assets.proposing.seen import SHARED, Seen, Unmapped
from mapper_domain.errors import Problem
from mapper_domain.parsing_detectors import TYPED, parse_detector
from mapper_domain.proposal_yaml import accepted, render
from mapper_domain.proposals import Proposal, Suggestion
from mapper_domain.release import sha256_text
from mapper_domain.sources import read
from mapper_domain.taxonomy import Taxonomy

TABLE = "proposals.md"
_HEAD = """\
| detector | label | events | tenants | suggested | confidence | candidates | review |
| --- | --- | ---: | ---: | --- | ---: | --- | --- |"""


class Proposed(NamedTuple):
    """A proposal for what of a detector nobody has mapped."""

    unmapped: Unmapped
    proposal: Proposal

    @property
    def file(self) -> str:
        """Its place below the folder of proposals."""
        name = f"{self.proposal.detector}.yaml"
        return name if self.unmapped.tenant == SHARED else f"tenant={self.unmapped.tenant}/{name}"


def write(proposed: Sequence[Proposed], folder: Path) -> str:
    """Write files and table in place of those of the last run; the SHA-256 (hex) of all of them together."""
    texts = {one.file: render(one.proposal) for one in proposed}
    texts[TABLE] = f"# Proposed mappings\n\n{table(proposed)}\n"
    for path in (*folder.rglob("*.yaml"), *folder.glob(TABLE)):
        if path.relative_to(folder).as_posix() not in texts:
            path.unlink()
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    return sha256_of(texts)


def sha256_of(texts: Mapping[str, str]) -> str:
    """SHA-256 (hex) of these files, names and contents."""
    return sha256_text("".join(f"{name} {sha256_text(texts[name])}\n" for name in sorted(texts)))


def table(proposed: Iterable[Proposed]) -> str:
    """Shared proposals as a Markdown table, the most frequent labels first. Says how many tenants, never which."""
    rows = [
        (one.unmapped.labels[suggestion.label], one.proposal.detector, suggestion)
        for one in proposed
        if one.unmapped.tenant == SHARED
        for suggestion in one.proposal.labels
    ]
    rows.sort(key=lambda row: (-row[0].events, row[1], row[2].label))
    return "\n".join((_HEAD, *(_row(*row) for row in rows)))


def problems(folder: Path, taxonomy: Taxonomy) -> list[str]:
    """What keeps written proposals from being merged: each file is read as the catalogue would read it.

    Once as it is, if it maps anything yet, and once with all of its suggestions accepted.
    """
    found: list[str] = []
    for path in sorted(folder.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if _maps_something(text):
            found += _read(path, taxonomy)
        with TemporaryDirectory() as other:
            whole = Path(other) / path.name
            whole.write_text(accepted(text), encoding="utf-8")
            found += _read(whole, taxonomy)
    return found


def _read(path: Path, taxonomy: Taxonomy) -> list[str]:
    problems: list[Problem] = []
    parse_detector(read(path, path.parent, typed=TYPED), path.stem, taxonomy.names, problems)
    return [str(problem) for problem in problems]


def _maps_something(text: str) -> bool:
    lines = text.partition("\nmaps:\n")[2].splitlines()
    return any(line.strip() and not line.lstrip().startswith("#") for line in lines)


def _row(seen: Seen, detector: str, suggestion: Suggestion) -> str:
    cells = (
        detector,
        suggestion.label,
        seen.events,
        seen.tenants,
        ", ".join(suggestion.taxonomy),
        f"{suggestion.confidence:.2f}",
        ", ".join(f"{c.label} {c.probability:.2f}" for c in suggestion.candidates),
        "; ".join(reason.sentence for reason in suggestion.reasons),
    )
    return f"| {' | '.join(str(cell).replace('|', '&#124;') for cell in cells)} |"
