"""The memory that is left is the lesser of the machine's and the control group's."""

from pathlib import Path

import pytest

from mapper_serving.engines.memory import available

MEMINFO = (
    "MemTotal:       24000000 kB\nMemFree:         1000000 kB\nMemAvailable:    8000000 kB\nHugePages_Total:       0\n"
)
MACHINE = 8_000_000 * 1024


def machine(root: Path, **files: str) -> Path:
    """A file system with these files; `__` stands for a slash."""
    for name, content in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_without_a_control_group_it_is_what_the_machine_says(tmp_path: Path) -> None:
    assert available(machine(tmp_path, proc__meminfo=MEMINFO)) == MACHINE


def test_a_group_without_a_limit_takes_nothing_away(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__meminfo=MEMINFO)
    machine(root / "sys" / "fs" / "cgroup", **{"memory.max": "max\n", "memory.current": "5000\n"})
    assert available(root) == MACHINE


def test_a_group_has_left_what_it_does_not_use_and_the_cache_it_can_give_back(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__meminfo=MEMINFO)
    group = {"memory.max": "1000000\n", "memory.current": "900000\n", "memory.stat": "anon 5\ninactive_file 250000\n"}
    machine(root / "sys" / "fs" / "cgroup", **group)
    assert available(root) == 350_000


def test_the_first_version_of_control_groups_is_read_too(tmp_path: Path) -> None:
    root = machine(tmp_path, proc__meminfo=MEMINFO)
    group = {"memory.limit_in_bytes": "1000", "memory.usage_in_bytes": "400", "memory.stat": "total_inactive_file 100"}
    machine(root / "sys" / "fs" / "cgroup" / "memory", **group)
    assert available(root) == 700


def test_where_nothing_can_be_read_nobody_knows(tmp_path: Path) -> None:
    assert available(tmp_path) is None


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="Linux only")
def test_this_machine_has_some_left() -> None:
    left = available()
    assert left is not None
    assert left > 1 << 20
