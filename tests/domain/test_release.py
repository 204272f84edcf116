"""A release is what its hash says, or it is refused with the names of the files that are not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from mapper_domain.errors import ReleaseCorrupt, ReleaseMissing
from mapper_domain.ladder import Trust
from mapper_domain.release import (
    ADAPTER,
    MANIFEST,
    POINTER,
    RETRIEVER,
    BaseModelRef,
    Manifest,
    Pointer,
    canonical,
    read_pointer,
    sha256_file,
    sha256_text,
    verify,
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A small release on disk whose manifest is true."""
    return made(tmp_path)


def made(tmp_path: Path, **changes: object) -> Path:
    """The same with some fields of the manifest changed before it gets its id."""
    staged = tmp_path / "staged"
    weights = {voice: staged / voice / f"{voice}_model.safetensors" for voice in (ADAPTER, RETRIEVER)}
    for voice, path in weights.items():
        path.parent.mkdir(parents=True)
        path.write_bytes(voice.encode())
    manifest = Manifest(
        base_model=BaseModelRef(name="small", sha256="0" * 64),
        adapter_sha256=sha256_file(weights[ADAPTER]),
        adapter_rank=16,
        retriever_sha256=sha256_file(weights[RETRIEVER]),
        dataset_sha256=sha256_text("dataset"),
        catalog_sha256=sha256_text("catalogue"),
        evaluation_sha256=sha256_text("evaluation"),
        taxonomy_version="2026.11",
        frameworks_version="2026.11",
        prompt_version="1",
        trust=Trust(),
        seed=7,
        files={path.relative_to(staged).as_posix(): sha256_file(path) for path in weights.values()},
    )
    manifest = Manifest.model_validate({**manifest.model_dump(), **changes})
    (staged / MANIFEST).write_text(canonical(manifest))
    return staged.rename(tmp_path / manifest.id)


def test_an_untouched_release_verifies(release: Path) -> None:
    assert verify(release).id == release.name


def test_a_release_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ReleaseMissing):
        verify(tmp_path / "0123456789abcdef")


@pytest.mark.parametrize("damage", [b"other", None])
@pytest.mark.parametrize("voice", [ADAPTER, RETRIEVER])
def test_an_altered_or_deleted_file_is_named(release: Path, voice: str, damage: bytes | None) -> None:
    weights = release / voice / f"{voice}_model.safetensors"
    weights.unlink() if damage is None else weights.write_bytes(damage)
    with pytest.raises(ReleaseCorrupt, match=rf"{voice}/{voice}_model\.safetensors"):
        verify(release)


@pytest.mark.parametrize("voice", [ADAPTER, RETRIEVER])
def test_weights_other_than_the_manifest_names_are_refused(tmp_path: Path, voice: str) -> None:
    with pytest.raises(ReleaseCorrupt, match=f"the {voice} its manifest names"):
        verify(made(tmp_path, **{f"{voice}_sha256": "0" * 64}))


def test_a_manifest_altered_after_the_fact_is_refused(release: Path) -> None:
    path = release / MANIFEST
    path.write_text(path.read_text().replace('"seed":7', '"seed":8'))
    with pytest.raises(ReleaseCorrupt, match="altered"):
        verify(release)


def test_a_manifest_that_is_not_json_is_refused(release: Path) -> None:
    (release / MANIFEST).write_text("{")
    with pytest.raises(ReleaseCorrupt):
        verify(release)


def test_no_pointer_means_nothing_was_promoted(tmp_path: Path) -> None:
    assert read_pointer(tmp_path) is None


def test_a_pointer_is_read_back(tmp_path: Path) -> None:
    pointer = Pointer(release="0123456789abcdef", promoted_at=datetime(2026, 11, 1, tzinfo=UTC))
    (tmp_path / POINTER).write_text(pointer.model_dump_json())
    assert read_pointer(tmp_path) == pointer


def test_half_a_pointer_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / POINTER).write_text('{"release": "01')
    with pytest.raises(ReleaseCorrupt):
        read_pointer(tmp_path)
