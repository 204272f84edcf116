"""Rows of the benchmark's table. What is measured is decided elsewhere."""

from collections.abc import Iterable
from typing import NamedTuple


class Row(NamedTuple):
    """One comparison of one run.

    Attributes:
        measured: what, and in which unit.
        ours: figure of this service.
        beside: figure of what it is compared with, measured in the same run.
        wanted: bound of the ratio, as `>= 0.60`; empty where it only informs.
    """

    measured: str
    ours: float
    beside: float
    wanted: str = ""

    @property
    def ratio(self) -> float:
        """Ours over the other."""
        return self.ours / self.beside

    @property
    def met(self) -> bool:
        """Whether the ratio keeps its bound."""
        relation, _, bound = self.wanted.partition(" ")
        return not bound or (self.ratio >= float(bound) if relation == ">=" else self.ratio <= float(bound))


def render(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| measured | ours | beside | ratio | wanted | |", "|---|---:|---:|---:|---:|---|"]
    for row in rows:
        verdict = "" if not row.wanted else "yes" if row.met else "**no**"
        lines.append(
            f"| {row.measured} | {row.ours:,.1f} | {row.beside:,.1f} | {row.ratio:.2f} | {row.wanted} | {verdict} |"
        )
    return "\n".join(lines) + "\n"
