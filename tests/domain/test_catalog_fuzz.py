"""Whatever a file of the catalogue is turned into, its author gets problems and never a traceback."""

import shutil
from pathlib import Path
from typing import Any

import yaml
from catalogs import MINIMAL
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mapper_domain.catalog import load
from mapper_domain.errors import CatalogError, Problem

NOTHING_TOLD = Problem(file="no problem at all", line=None, value="", message="")
FILES = sorted(path.relative_to(MINIMAL).as_posix() for path in MINIMAL.rglob("*.yaml"))
SCALARS = st.sampled_from(["", "~", "no", "1.5", "PII.Contact.Email", "META", "*", "any", "{x}", "SOC2:CC7.2", "é" * 9])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside a YAML value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, part in inside for place in places(part, (*at, key)))]


def replaced(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """The value with the part at one place replaced."""
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = replaced(value[at[0]], at[1:], new)
    return copy


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), file=st.sampled_from(FILES), new=VALUES)
def test_any_value_anywhere_loads_or_is_told_as_problems(
    tmp_path: Path, data: st.DataObject, file: str, new: object
) -> None:
    document = yaml.load((MINIMAL / file).read_text(), yaml.BaseLoader)
    at = data.draw(st.sampled_from(places(document)))
    shutil.copytree(MINIMAL, tmp_path, dirs_exist_ok=True)
    (tmp_path / file).write_text(yaml.safe_dump(replaced(document, at, new), sort_keys=False))
    try:
        load(tmp_path)
        told: tuple[Problem, ...] = ()
    except CatalogError as error:
        told = error.problems or (NOTHING_TOLD,)
    assert all(problem.message and (tmp_path / problem.file).exists() for problem in told)
