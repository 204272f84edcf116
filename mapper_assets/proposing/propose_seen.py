"""Proposes mappings for labels that came in events and that nobody has mapped.

Run as `python -m mapper_assets.proposing.propose_seen --since 2026-11-01`, or by Dagster Pipes with the same names as
extras: the models take memory the orchestrator should not hold.
"""

import os
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

from mapper_assets.proposing.deployed import Deployed, open_release, serving_release
from mapper_assets.proposing.seen import SHARED, Sighting, sightings, unmapped
from mapper_assets.proposing.write import Proposed, table, write
from mapper_assets.training.session import Report, session
from mapper_domain.layout import Layout
from mapper_domain.value import Value

SHOWN = 100
"""Most rows of the table reported; the file has all of them."""


class ProposeSeen(Value):
    """Propose mappings for labels seen in events.

    Attributes:
        artifacts: the artefact root.
        since: first UTC day whose events are read.
        release: which release is asked; empty for the one that serves.
        threads: compute threads; 0 for all cores.
    """

    artifacts: Path = Path("artifacts")
    since: date
    release: str = ""
    threads: int = 0


def propose_all(found: Sequence[Sighting], deployed: Deployed, log: Callable[[str], None]) -> list[Proposed]:
    """A proposal for every detector with labels nobody has mapped."""
    proposed = []
    for one in unmapped(found, deployed.catalog):
        vocabulary = one.vocabulary(deployed.catalog)
        log(f"{len(vocabulary.terms)} labels of {'a detector' if one.tenant else one.detector} are not mapped.")
        proposed.append(Proposed(one, deployed.propose(vocabulary, log=log)))
    return proposed


def run(parameters: ProposeSeen, report: Report) -> None:
    """Ask a release about what nobody has mapped, and write its proposals.

    Raises:
        ReleaseError: when there is no release that can be asked.
    """
    layout = Layout(parameters.artifacts)
    release = parameters.release or serving_release(layout)
    found, problems = sightings(layout, parameters.since)
    for problem in problems:
        report.log(f"Left out: {problem}")
    deployed = open_release(layout, release, threads=parameters.threads or os.cpu_count() or 1)
    proposed = propose_all(found, deployed, report.log)
    sha256 = write(proposed, layout.proposals)
    report.result({"sha256": sha256, **summary(proposed), "release": release, "left_out": len(problems)})


def summary(proposed: Sequence[Proposed]) -> dict[str, object]:
    """What a run reports: counts of everything, and the table of what is no single tenant's word."""
    shared = [one for one in proposed if one.unmapped.tenant == SHARED]
    return {
        "detectors": len(shared),
        "labels": sum(len(one.proposal.labels) for one in shared),
        "settled": sum(len(one.proposal.settled) for one in shared),
        "to_review": sum(len(one.proposal.to_review) for one in shared),
        "private_files": len(proposed) - len(shared),
        "table": "\n".join(table(shared).splitlines()[: SHOWN + 2]),
    }


def main(argv: list[str] | None = None) -> None:
    """Entry point, under Dagster Pipes or by hand."""
    with session(ProposeSeen, argv) as (parameters, report):
        run(parameters, report)


if __name__ == "__main__":
    main()
