"""The reviewed files as the orchestrator sees them: groups of files, hashed by their bytes and by their meaning.

The first tells whether anybody touched a file, the second whether it matters: a comment changes only the first.
What the files mean is `mapper_domain.catalog`'s business.
"""

import hashlib
import json
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from mapper_domain import sources
from mapper_domain.catalog import load
from mapper_domain.errors import CatalogError, Problem
from mapper_domain.lexicon import examine
from mapper_domain.release import sha256_file, sha256_text


class Group(StrEnum):
    """A group of reviewed files: one `config/<group>` asset each."""

    TAXONOMY = "taxonomy"
    LEXICON = "lexicon"
    DETECTORS = "detectors"
    FRAMEWORKS = "frameworks"
    GOLDEN_SET = "golden_set"

    @property
    def folder(self) -> str:
        """Its folder, relative to the catalogue root."""
        return _ELSEWHERE.get(self, self.value)

    def files(self, root: Path) -> tuple[Path, ...]:
        """Its files, sorted by path. A group whose folder lies within this one's keeps its files to itself."""
        pattern = "*.jsonl" if self is Group.GOLDEN_SET else "*.yaml"
        inner = [root / group.folder for group in Group if group.folder.startswith(f"{self.folder}/")]
        found = (path for path in (root / self.folder).rglob(pattern) if path.is_file())
        return tuple(sorted(path for path in found if not any(map(path.is_relative_to, inner))))


_ELSEWHERE = {Group.LEXICON: "taxonomy/lexicon", Group.GOLDEN_SET: "tests/golden"}


def files_sha256(root: Path, group: Group) -> str:
    """SHA-256 (hex) of names and bytes: changes with every edit."""
    digest = hashlib.sha256()
    for path in group.files(root):
        digest.update(f"{path.relative_to(root).as_posix()}\0{sha256_file(path)}\n".encode())
    return digest.hexdigest()


def content_sha256(root: Path, group: Group) -> str:
    """SHA-256 (hex) of what the files say: comments, layout and key order in YAML do not count.

    A file that is not YAML at all counts by its bytes, so that breaking and mending one are both changes.
    """
    if group is Group.GOLDEN_SET:
        return files_sha256(root, group)
    documents = {}
    for path in group.files(root):
        source = sources.read(path, root)
        documents[source.file] = sha256_file(path) if source.problems else source.value
    return sha256_text(json.dumps(documents, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


class Findings(NamedTuple):
    """What is to be said about a group of files: problems, and notes that keep nobody from using it."""

    problems: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()


def judge(root: Path, group: Group) -> Findings:
    """Every problem in the files of a group, judged against the rest of the catalogue, and every note on them.

    A form of the lexicon that a reviewed detector overrules is a note: the mapping counts, so it must not be held up.

    Raises:
        CatalogError: for the lexicon, when there is no sound catalogue to judge it against.
    """
    if group is Group.LEXICON:
        catalog = load(root)
        try:
            return Findings(notes=examine(root, catalog.taxonomy, catalog.detectors).overruled)
        except CatalogError as error:
            return Findings(error.problems)
    try:
        load(root)
    except CatalogError as error:
        return Findings(tuple(found for found in error.problems if Path(found.file).parts[:1] == (group.folder,)))
    return Findings()
