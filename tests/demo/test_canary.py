"""The search that proves nothing was stored has to find what was."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from demo.canary import leaks
from demo.failure import DemoFailed

VALUE = "invented-219-09-9999"


def test_clean_folder_has_no_leak(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("nothing to see")
    assert leaks([tmp_path], {VALUE}) == ()


def test_finds_a_value_anywhere_below(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "log.txt"
    path.parent.mkdir(parents=True)
    path.write_text(f"before {VALUE} after")
    assert leaks([tmp_path], {"another", VALUE}) == (path,)


def test_finds_a_value_between_binary_bytes(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    path.write_bytes(b"\x00\xff\xfe" + VALUE.encode() + b"\x00\x80")
    assert leaks([tmp_path], {VALUE}) == (path,)


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip"])
def test_finds_a_value_in_parquet_whatever_the_compression(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "segment.parquet"
    rows = [f"padding {number % 7}" for number in range(2000)] + [VALUE] * 3
    pq.write_table(pa.table({"label": rows, "nested": [[row] for row in rows]}), path, compression=compression)
    assert leaks([tmp_path], {VALUE}) == (path,)


def test_finds_a_value_in_a_compressed_log(tmp_path: Path) -> None:
    path = tmp_path / "service.log.gz"
    path.write_bytes(gzip.compress(b"x" * 5000 + VALUE.encode()))
    assert leaks([tmp_path], {VALUE}) == (path,)


def test_values_are_text_and_not_patterns(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text("axb")
    assert leaks([tmp_path], {"a.b"}) == ()


def test_folder_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(VALUE)
    assert leaks([tmp_path, tmp_path / "nowhere"], {VALUE}) == (tmp_path / "log.txt",)


@pytest.mark.parametrize(("exists", "values"), [(False, {VALUE}), (True, set()), (True, {VALUE, ""})])
def test_a_search_that_could_prove_nothing_fails(tmp_path: Path, exists: bool, values: set[str]) -> None:
    folder = tmp_path if exists else tmp_path / "nowhere"
    with pytest.raises(DemoFailed, match="nothing to search"):
        leaks([folder], values)


def test_broken_parquet_is_a_failure_and_not_a_pass(tmp_path: Path) -> None:
    (tmp_path / "segment.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(DemoFailed, match="unpacked"):
        leaks([tmp_path], {VALUE})
