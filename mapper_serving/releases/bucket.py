"""Releases in an S3 bucket, fetched into a folder of this machine in which every file is named by its content.

<cache>/blobs/<sha256>    every file of every release once, checked before it gets its name
<cache>/releases/<id>/    a whole release, made of links to blobs; given its name in one step

Processes may share a cache: they write beside each other, and the last step is always a rename.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from mapper_domain.errors import ReleaseCorrupt, ReleaseError, ReleaseMissing, ReleaseUnreachable
from mapper_domain.release import (
    MANIFEST,
    POINTER,
    Manifest,
    Pointer,
    parse_manifest,
    parse_pointer,
    sha256_file,
    verify,
)

SPARE = 2
"""Releases that are kept besides those needed, so that going back needs no download."""

YOUNG_SECONDS = 3600.0
"""What is this young may belong to a release that another process is fetching."""

_ABSENT = ("NoSuchKey", "NoSuchBucket", "404")
_PATIENCE = Config(connect_timeout=3, read_timeout=20, retries={"max_attempts": 3, "mode": "standard"})


class Bucket:
    """A `Source` in an S3 bucket. Address and credentials come from the environment, as boto3 has them."""

    def __init__(self, client: Any, bucket: str, prefix: str, cache: Path) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._blobs = cache / "blobs"
        self._releases = cache / "releases"

    @classmethod
    def open(cls, place: str, cache: Path) -> "Bucket":
        """The releases at `s3://bucket/prefix`."""
        bucket, _, prefix = place.removeprefix("s3://").partition("/")
        client = boto3.Session().client("s3", region_name=os.environ.get("AWS_REGION"), config=_PATIENCE)
        return cls(client, bucket, prefix, cache)

    def pointer(self) -> Pointer | None:
        """As `Source.pointer`."""
        try:
            return parse_pointer(self._read(POINTER))
        except ReleaseMissing:
            return None

    def fetch(self, release: str) -> Path:
        """As `Source.fetch`."""
        folder = self._releases / release
        try:
            verify(folder)
        except ReleaseError:
            shutil.rmtree(folder, ignore_errors=True)
            self._download(release, folder)
        os.utime(folder)
        return folder

    def prune(self, keep: Collection[str]) -> None:
        """As `Source.prune`."""
        folders = sorted(self._releases.glob("[!.]*"), key=lambda folder: folder.stat().st_mtime, reverse=True)
        unneeded = [folder for folder in folders if folder.name not in keep]
        for folder in unneeded[SPARE:]:
            shutil.rmtree(folder, ignore_errors=True)
        for abandoned in self._releases.glob(".staging-*"):
            if _is_old(abandoned):
                shutil.rmtree(abandoned, ignore_errors=True)
        for blob in self._blobs.glob("*"):
            if blob.stat().st_nlink == 1 and _is_old(blob):
                blob.unlink(missing_ok=True)

    def _download(self, release: str, folder: Path) -> None:
        content = self._read(f"{release}/{MANIFEST}")
        manifest = parse_manifest(content, release)
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._releases.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=self._releases, prefix=".staging-"))
        try:
            self._fill(staging, release, manifest)
            (staging / MANIFEST).write_bytes(content)
            staging.chmod(0o755)
            if not folder.exists():
                staging.rename(folder)
        except OSError as error:
            if not folder.exists():
                raise ReleaseUnreachable(f"Release {release} cannot be kept here ({type(error).__name__}).") from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _fill(self, staging: Path, release: str, manifest: Manifest) -> None:
        for name, sha256 in manifest.files.items():
            blob = self._blobs / sha256
            if not blob.exists() or sha256_file(blob) != sha256:
                self._fetch_blob(f"{release}/{name}", blob)
            place = staging / name
            place.parent.mkdir(parents=True, exist_ok=True)
            os.link(blob, place)

    def _fetch_blob(self, key: str, blob: Path) -> None:
        descriptor, name = tempfile.mkstemp(dir=self._blobs, prefix=".partial-")
        partial = Path(name)
        try:
            with self._answering(key), os.fdopen(descriptor, "wb") as stream:
                body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"]
                shutil.copyfileobj(body, stream)
            if sha256_file(partial) != blob.name:
                raise ReleaseCorrupt(f"{key} in the bucket is not the file its manifest names; publish it again.")
            partial.chmod(0o444)
            partial.replace(blob)
        finally:
            partial.unlink(missing_ok=True)

    def _read(self, key: str) -> bytes:
        with self._answering(key):
            content: bytes = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)["Body"].read()
            return content

    @contextmanager
    def _answering(self, key: str) -> Iterator[None]:
        """Errors of the store in our words; theirs may name endpoints and keys."""
        try:
            yield
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _ABSENT:
                raise ReleaseMissing(f"{key} is not in the bucket; publish the release again.") from error
            raise ReleaseUnreachable(f"The bucket refuses to give {key} ({code}); see its credentials.") from error
        except BotoCoreError as error:
            raise ReleaseUnreachable(f"The bucket does not answer ({type(error).__name__}).") from error


def _is_old(path: Path) -> bool:
    return time.time() - path.stat().st_mtime > YOUNG_SECONDS
