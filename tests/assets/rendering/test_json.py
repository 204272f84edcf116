import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from mapper_assets.rendering.json import read, write
from mapper_assets.reporting.counts import Lag
from mapper_assets.reporting.report import Report


@pytest.fixture
def document(bundle_folder: Path) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((bundle_folder / "report.json").read_bytes())
    return loaded


def test_a_report_reads_back_as_itself(bundle_folder: Path) -> None:
    content = (bundle_folder / "report.json").read_bytes()
    assert write(read(content, Report)) == content


def test_keys_are_sorted_so_that_equal_values_are_equal_bytes() -> None:
    assert (
        write(Lag(median=0.1, p99=0.2, greatest=0.3)) == b'{\n  "greatest": 0.3,\n  "median": 0.1,\n  "p99": 0.2\n}\n'
    )


def test_a_number_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        write(Lag(median=float("nan"), p99=0.2, greatest=0.3))


@pytest.mark.parametrize(
    "change", [{"surprise": 1}, {"schema_version": "2.0"}, {"revision": "one"}, {"status": "COMPLIANT"}]
)
def test_an_unknown_field_version_type_or_status_is_refused(
    document: dict[str, object], change: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        read(json.dumps(document | change).encode(), Report)


def test_a_missing_field_is_refused(document: dict[str, object]) -> None:
    del document["population"]
    with pytest.raises(ValidationError):
        read(json.dumps(document).encode(), Report)
