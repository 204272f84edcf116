"""Proves that no invented value was stored: searches every byte below the folders a run writes to.

Files are searched as they are with grep, which is quick on gigabytes of weights; Parquet and gzip are also
searched unpacked, because compression hides text. PDFs are not unpacked: they are drawn from `report.json`,
which is searched.
"""

import gzip
import os
import subprocess
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from demo.failure import DemoFailed


def leaks(folders: Iterable[Path], values: Collection[str]) -> tuple[Path, ...]:
    """Files that hold at least one of the values, sorted.

    Args:
        folders: searched with everything below them; those that do not exist are left out.
        values: what must not be found; none may be empty.

    Raises:
        DemoFailed: when a file cannot be searched, because then nothing is proved.
    """
    present = [folder for folder in folders if folder.exists()]
    needles = sorted(set(values))
    if not present or not needles or not all(needles):
        raise DemoFailed("The search for leaks has nothing to search or nothing to search for.")
    found = {*_grep(present, needles), *(path for path in _packed(present) if _holds(_unpacked(path), needles))}
    return tuple(sorted(found))


def _grep(folders: Collection[Path], needles: Collection[str]) -> Iterator[Path]:
    """Matching files. The values reach grep through a pipe, so that they are on no disk and in no process list."""
    command = [
        "grep",
        "--recursive",
        "--files-with-matches",
        "--text",
        "--fixed-strings",
        "--null",
        "--devices=skip",
        "--file=-",
        "--",
    ]
    done = subprocess.run(
        [*command, *map(str, folders)],
        input="\n".join(needles).encode(),
        capture_output=True,
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
    if done.returncode > 1:
        raise DemoFailed(f"grep could not search everything: {done.stderr.decode(errors='replace').strip()}")
    yield from (Path(name.decode()) for name in done.stdout.split(b"\0") if name)


def _packed(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        for suffix in ("*.parquet", "*.gz"):
            yield from folder.rglob(suffix)


def _unpacked(path: Path) -> str:
    try:
        if path.suffix == ".gz":
            return gzip.decompress(path.read_bytes()).decode(errors="replace")
        import pyarrow.parquet as pq

        rows: list[object] = pq.read_table(path).to_pylist()
        return "\n".join(map(str, rows))
    except (OSError, ValueError, EOFError) as error:
        raise DemoFailed(f"{path} could not be unpacked for the search: {type(error).__name__}.") from None


def _holds(text: str, needles: Iterable[str]) -> bool:
    return any(needle in text for needle in needles)
