"""The pointer to the release that serves, and the append-only log of who moved it. No gates, no release content.

The log line is written before the pointer moves: after a crash between the two the log tells of an attempt, and
the same promotion can simply be asked for again. The other way round a release would serve that nobody promoted.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from mapper_domain.errors import ReleaseCorrupt, ReleaseMissing
from mapper_domain.release import POINTER, PROMOTIONS, Promotion, canonical, read_pointer


@contextmanager
def locked(releases: Path) -> Iterator[None]:
    """Hold the promotions lock: one writer at a time on this machine; others wait. Freed when a process dies."""
    releases.mkdir(parents=True, exist_ok=True)
    with (releases / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def promotions(releases: Path) -> tuple[Promotion, ...]:
    """Every promotion so far, oldest first.

    Raises:
        ReleaseCorrupt: naming the first line that is not a promotion.
    """
    path = releases / PROMOTIONS
    lines = path.read_text().splitlines() if path.exists() else []
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(Promotion.model_validate_json(line))
        except ValidationError as error:
            raise ReleaseCorrupt(
                f"{PROMOTIONS}:{number} is not a promotion; restore the line from a backup."
            ) from error
    return tuple(found)


def previous_release(releases: Path) -> str:
    """The release that served before the current one.

    Raises:
        ReleaseMissing: when there was none.
    """
    pointer = read_pointer(releases)
    current = pointer.release if pointer else None
    for promotion in reversed(promotions(releases)):
        if promotion.release == current and promotion.previous not in (None, current):
            return str(promotion.previous)
    raise ReleaseMissing("No release served before this one, so there is nothing to roll back to.")


def move(releases: Path, promotion: Promotion) -> None:
    """Log the promotion, then make the pointer say the same. Call it under `locked`."""
    with (releases / PROMOTIONS).open("a") as log:
        log.write(canonical(promotion) + "\n")
        log.flush()
        os.fsync(log.fileno())
    partial = releases / f".{POINTER}.{os.getpid()}"
    with partial.open("w") as stream:
        stream.write(promotion.pointer.model_dump_json(indent=2, exclude_none=True) + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(releases / POINTER)
    _sync_folder(releases)


def agrees_with_log(releases: Path) -> bool:
    """Whether the pointer names the release of the latest promotion, or both are absent."""
    pointer, log = read_pointer(releases), promotions(releases)
    return (pointer.release if pointer else None) == (log[-1].release if log else None)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
