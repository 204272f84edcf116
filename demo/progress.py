"""Turns what a Dagster process logs into a few lines a person can follow. The whole log goes to a file."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from demo.failure import DemoFailed

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
MARK = "## "
"""Begins the line by which `demo.jobs` says which partition comes next."""

FAILED = "FAILED"
NOT_PASSED = "did not pass"
_SKIPPED = "Dependencies for step"
_LINE = re.compile(r"- dagster - (?P<level>[A-Z]+) - \S+ - [0-9a-f-]{36} - (?P<rest>.*)")
_EVENT = re.compile(r"(?:\d+ - )?(?P<step>\S+) - (?P<kind>[A-Z_]+) - (?P<text>.*)")


def readable(line: str) -> str | None:
    """What to show of one line of Dagster's log, or None."""
    if line.startswith(MARK):
        return line.removeprefix(MARK).strip()
    found = _LINE.search(_COLOUR.sub("", line))
    if found is None:
        return None
    event = _EVENT.fullmatch(found["rest"].strip())
    if event is not None:
        step, text = event["step"].replace("__", "/", 1), event["text"].rstrip(".").replace("'", "")
        if NOT_PASSED not in text:
            text = text.partition(". Description")[0]
        told = {
            "ASSET_MATERIALIZATION": f"{step}: made",
            "ASSET_CHECK_EVALUATION": text,
            "STEP_FAILURE": f"{step}: FAILED",
        }
        return told.get(event["kind"])
    return None if found["level"] == "DEBUG" or _SKIPPED in line else found["rest"].replace("__", "/", 1).strip()


def run_jobs(arguments: Sequence[str], settings: Mapping[str, str], log: Path, say: Callable[[str], None]) -> None:
    """Run `demo.jobs` in a process of its own and tell its progress.

    Raises:
        DemoFailed: when a run failed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-u", "-m", "demo.jobs", *arguments]
    reasons = []
    with (
        log.open("a", encoding="utf-8") as stream,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env={**os.environ, **settings}
        ) as process,
    ):
        for line in process.stdout or ():
            stream.write(_COLOUR.sub("", line))
            if (shown := readable(line)) is not None:
                say(shown)
                if shown.endswith(FAILED) or NOT_PASSED in shown:
                    reasons.append(shown)
    if process.returncode:
        why = "".join(f"\n- {reason}" for reason in reasons)
        raise DemoFailed(f"{arguments[0]} did not finish; see {log} and the Dagster UI (`make dev`).{why}")
