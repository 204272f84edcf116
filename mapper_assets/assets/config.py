"""The reviewed files as assets: what the whole chain is made from. They are read here and never written.

Each records two hashes: of the bytes, which the `catalogue_files` sensor compares, and of the meaning, which is
its data version. A broken file is materialised too, and the blocking check beside it says what is wrong.
"""

import dagster as dg

from mapper_assets.catalogue import Group, content_sha256, files_sha256
from mapper_assets.provenance import SHA256
from mapper_assets.resources import Sources

FILES_SHA256 = "files_sha256"
"""Metadata key of the hash of the files' bytes."""


def key_of(group: Group) -> dg.AssetKey:
    """Asset key of a group of files."""
    return dg.AssetKey(["config", group.value])


def read(group: Group, sources: Sources) -> dg.MaterializeResult[None]:
    """The materialisation of a group of files: hashes, and how many files and lines there are."""
    files = group.files(sources.path)
    lines = sum(path.read_bytes().count(b"\n") for path in files)
    sha256 = content_sha256(sources.path, group)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(sha256),
        metadata={
            SHA256: sha256,
            FILES_SHA256: files_sha256(sources.path, group),
            "files": len(files),
            "lines": lines,
            "folder": dg.MetadataValue.path(str(sources.path / group.folder)),
        },
    )


@dg.asset(key=key_of(Group.TAXONOMY), group_name="config", kinds={"yaml"}, owners=["team:taxonomy"])
def taxonomy(sources: Sources) -> dg.MaterializeResult[None]:
    """Canonical labels with their descriptions and aliases, and the migrations between versions."""
    return read(Group.TAXONOMY, sources)


@dg.asset(key=key_of(Group.DETECTORS), deps=[taxonomy], group_name="config", kinds={"yaml"}, owners=["team:taxonomy"])
def detectors(sources: Sources) -> dg.MaterializeResult[None]:
    """What every detector emits and what each of its labels means in the taxonomy."""
    return read(Group.DETECTORS, sources)


@dg.asset(
    key=key_of(Group.LEXICON), deps=[taxonomy, detectors], group_name="config", kinds={"yaml"}, owners=["team:taxonomy"]
)
def lexicon(sources: Sources) -> dg.MaterializeResult[None]:
    """Words the world uses for every canonical label, and invented detectors; lessons, read by nothing at run time."""
    return read(Group.LEXICON, sources)


@dg.asset(
    key=key_of(Group.FRAMEWORKS), deps=[taxonomy], group_name="config", kinds={"yaml"}, owners=["team:compliance"]
)
def frameworks(sources: Sources) -> dg.MaterializeResult[None]:
    """Controls of every framework edition, and which labels are evidence for which control."""
    return read(Group.FRAMEWORKS, sources)


@dg.asset(
    key=key_of(Group.GOLDEN_SET),
    deps=[taxonomy, detectors],
    group_name="config",
    kinds={"json"},
    owners=["team:taxonomy"],
)
def golden_set(sources: Sources) -> dg.MaterializeResult[None]:
    """Reviewed cases the mapper is judged by; none of them is ever trained on."""
    return read(Group.GOLDEN_SET, sources)
