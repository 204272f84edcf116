"""How much memory this machine, or the container on it, still has to give. Linux only; elsewhere nobody knows."""

from pathlib import Path

GIB = 1 << 30


def available(root: Path = Path("/")) -> int | None:
    """Bytes that may be taken before the kernel has to kill something; None where that cannot be read.

    The lesser of the machine's `MemAvailable` and what the control group has left; the page cache a group holds counts
    as left, because the kernel gives it back.

    Args:
        root: where `proc` and `sys` are.
    """
    left = [_machine(root / "proc" / "meminfo"), _group(root / "sys" / "fs" / "cgroup")]
    return min((value for value in left if value is not None), default=None)


def _machine(path: Path) -> int | None:
    fields = _fields(path)
    return fields["MemAvailable:"] * 1024 if "MemAvailable:" in fields else None


def _group(folder: Path) -> int | None:
    """What version 2 of control groups, or else version 1, says."""
    for limit, used, statistics, cache in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        (
            "memory/memory.limit_in_bytes",
            "memory/memory.usage_in_bytes",
            "memory/memory.stat",
            "total_inactive_file",
        ),
    ):
        most, now = _number(folder / limit), _number(folder / used)
        if most is not None and now is not None:
            return max(0, most - now + _fields(folder / statistics).get(cache, 0))
    return None


def _number(path: Path) -> int | None:
    """The number in a file; None where there is none, or `max`."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None


def _fields(path: Path) -> dict[str, int]:
    """Names and numbers of a file with one of each a line."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split() for line in lines)
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) > 1 and pair[1].isdecimal()}
