"""Proposes mappings for a vocabulary in a file, and prints them.

python -m mapper_assets.proposing VOCABULARY [--detector NAME] [--release ID] [--csv] [--apart]
"""

import argparse
import csv
import io
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from mapper_assets.proposing.deployed import open_release, serving_release
from mapper_assets.proposing.vocabularies import read_vocabulary
from mapper_assets.settings import Settings
from mapper_domain.errors import MapperError
from mapper_domain.proposal_yaml import render
from mapper_domain.proposals import Proposal

COLUMNS = ("label", "field", "suggested", "confidence", "answer", "needs_review", "reasons", "candidates")


def as_csv(proposal: Proposal) -> str:
    """One row a label.

    `suggested` is what the mapper would name if it had to, and `answer` what it does say: `OTHER.Unknown` where it is
    not sure enough. Of several labels all apply; they are separated by semicolons, as candidates are.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for s in proposal.labels:
        candidates = ";".join(f"{c.label}={c.probability:.4f}" for c in s.candidates)
        said = (";".join(s.taxonomy), f"{s.confidence:.4f}", ";".join(s.answer))
        writer.writerow((s.label, s.field or "", *said, str(s.needs_review).lower(), ";".join(s.reasons), candidates))
    return text.getvalue()


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m mapper_assets.proposing",
        description="Proposes a detector file for a vocabulary. Artefacts lie where MAPPER_ARTIFACTS says.",
    )
    found.add_argument("vocabulary", type=Path, help="CSV with a column label, YAML, or one label a line")
    found.add_argument("--detector", default="", help="the detector's name; by default the file's")
    found.add_argument("--kind", default="", help="what it looks for, for example pii")
    found.add_argument("--version", default="", help="the vendor's version")
    found.add_argument("--release", default="", help="id of the release to ask; by default the one that serves")
    found.add_argument("--threads", type=int, default=0, help="compute threads; by default all cores")
    found.add_argument("--csv", action="store_true", help="print a row a label instead of a detector file")
    found.add_argument("--apart", action="store_true", help="judge each label without regard to the others")
    return found


def main(argv: Sequence[str] | None = None) -> str:
    """The detector file, or the rows.

    Raises:
        VocabularyError: when the file holds no vocabulary.
        ReleaseError: when there is no release that can be asked.
    """
    given = parser().parse_args(argv)
    vocabulary = read_vocabulary(given.vocabulary, detector=given.detector, kind=given.kind, version=given.version)
    layout = Settings().layout
    release = given.release or serving_release(layout)
    deployed = open_release(layout, release, threads=given.threads or os.cpu_count() or 1)
    proposal = deployed.propose(vocabulary, apart=given.apart, log=_progress)
    return as_csv(proposal) if given.csv else render(proposal)


def _progress(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    logging.captureWarnings(capture=True)
    try:
        sys.stdout.write(main())
    except MapperError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)
