"""Where releases come from: a folder at hand, or a bucket (`bucket`). Whether one may serve is `loading`'s business."""

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from mapper_domain.layout import Layout
from mapper_domain.release import Pointer, read_pointer

BUCKET = "s3://"


class Source(Protocol):
    """A place with releases and the pointer to those in service. Its methods block; call them in a thread."""

    def pointer(self) -> Pointer | None:
        """The pointer, or None when nothing has been promoted yet.

        Raises:
            ReleaseCorrupt: when there is something else in its place.
            ReleaseUnreachable: when the place does not answer.
        """
        ...

    def fetch(self, release: str) -> Path:
        """The folder of a release on this machine; what is in it has yet to be verified.

        Raises:
            ReleaseMissing: when there is no such release.
            ReleaseCorrupt: when what arrives is not what its manifest says.
            ReleaseUnreachable: when the place does not answer.
        """
        ...

    def prune(self, keep: Collection[str]) -> None:
        """Delete what this machine fetched and does not need for these releases, nor to go back a little."""
        ...


class Folder:
    """Releases in a folder, as the deployment writes them; nothing is fetched and nothing deleted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def pointer(self) -> Pointer | None:
        """As `Source.pointer`."""
        return read_pointer(self._folder)

    def fetch(self, release: str) -> Path:
        """As `Source.fetch`."""
        return self._folder / release

    def prune(self, keep: Collection[str]) -> None:
        """Nothing: the releases are not this service's."""


def open_source(place: str, layout: Layout) -> Source:
    """The source at a place: a folder, `s3://bucket/prefix`, or by default the releases below the artefact root."""
    if place.startswith(BUCKET):
        from mapper_serving.releases.bucket import Bucket

        return Bucket.open(place, layout.release_cache)
    return Folder(Path(place) if place else layout.releases)
