"""What the command prints, and what it says when it cannot."""

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

from mapper_assets.proposing.__main__ import COLUMNS, as_csv
from mapper_domain.proposals import Term, Vocabulary

REPOSITORY = Path(__file__).parents[3]


def test_rows_can_be_scored_by_somebody_else(deployed) -> None:
    asked = Vocabulary(detector="acme-guard", terms=(Term(label='zorb, "mail"'), Term(label="blarg")))
    proposal = deployed({'zorb, "mail"': "PII.Contact.Email"}).propose(asked, apart=True, log=print)
    rows = list(csv.DictReader(io.StringIO(as_csv(proposal))))
    assert tuple(rows[0]) == COLUMNS
    assert (rows[0]["label"], rows[0]["suggested"]) == ('zorb, "mail"', "PII.Contact.Email")
    assert float(rows[0]["confidence"]) > 0.9
    assert rows[0]["candidates"].startswith("PII.Contact.Email=0.9")
    assert (rows[1]["answer"], rows[1]["needs_review"]) == ("OTHER.Unknown", "true")


def test_only_what_is_not_reviewed_is_asked_about(deployed) -> None:
    release = deployed({})
    asked = Vocabulary(detector="presidio", terms=(Term(label="US_SSN"), Term(label="zorb"), Term(label="...")))
    proposal = release.propose(asked, log=print)
    assert release.adapter.asked == ["zorb", "zorb"]
    assert proposal.kind == "pii"


def test_without_a_release_the_command_says_what_to_do(tmp_path) -> None:
    (tmp_path / "acme.txt").write_text("zorb\n")
    done = subprocess.run(
        [sys.executable, "-m", "mapper_assets.proposing", str(tmp_path / "acme.txt")],
        cwd=REPOSITORY,
        env={**os.environ, "MAPPER_ARTIFACTS": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "There is no release yet; run retrain_job" in done.stderr
    assert "Traceback" not in done.stderr
