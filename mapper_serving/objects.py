"""Places for files that are written once: a local folder, or a bucket that speaks S3.

Keys are relative paths with `/`. Credentials, region and endpoint of a bucket come from the `AWS_*` environment
variables that every S3 client knows.
"""

import fcntl
import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Protocol

from mapper_domain.errors import EventWriteError

SCHEME: Final = "s3://"
TRIES: Final = 5
Change = Callable[[bytes | None], bytes | None]


class Objects(Protocol):
    """A place for files."""

    def names(self, folder: str, beginning: str) -> list[str]:
        """Keys of the files directly in a folder whose names begin so, in order."""
        ...

    def read(self, key: str) -> bytes | None:
        """Content, or None where there is no such file."""
        ...

    def create(self, key: str, content: bytes) -> bool:
        """Write a file that nobody changes afterwards, complete and durable or not at all; False if it is there."""
        ...

    def update(self, key: str, change: Change) -> None:
        """Replace a file by what `change` makes of its content, as one step; None leaves it as it is."""
        ...


def open_objects(where: Path | str) -> Objects:
    """The place at a path, or at `s3://bucket/prefix`."""
    text = str(where)
    if not text.startswith(SCHEME):
        return Folder(Path(text))
    bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
    return Bucket(bucket, prefix.strip("/"))


class Folder:
    """Files below a local folder; errors are `OSError`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def names(self, folder: str, beginning: str) -> list[str]:
        """As `Objects.names`."""
        return sorted(
            f"{folder}/{path.name}" for path in (self._root / folder).glob("[!.]*") if path.name.startswith(beginning)
        )

    def read(self, key: str) -> bytes | None:
        """As `Objects.read`."""
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            return None

    def create(self, key: str, content: bytes) -> bool:
        """As `Objects.create`; the file is read-only."""
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            partial = _write_partial(path.parent, content, mode=0o444)
            try:
                os.link(partial, path)  # unlike a rename, this fails when the name is taken
            except FileExistsError:
                return False
            finally:
                partial.unlink()
            _sync_folder(path.parent)
        return True

    def update(self, key: str, change: Change) -> None:
        """As `Objects.update`."""
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.parent):
            content = change(self.read(key))
            if content is not None:
                _write_partial(path.parent, content, mode=0o644).replace(path)
                _sync_folder(path.parent)


class Bucket:
    """Files in an S3 bucket; errors are `EventWriteError`, and name the service's error code only."""

    def __init__(self, bucket: str, prefix: str) -> None:
        import boto3
        from botocore.config import Config

        config = Config(connect_timeout=3, read_timeout=10, retries={"max_attempts": 3, "mode": "standard"})
        self._client: Any = boto3.Session().client(
            "s3", region_name=os.environ.get("AWS_REGION", "us-east-1"), config=config
        )
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    def names(self, folder: str, beginning: str) -> list[str]:
        """As `Objects.names`."""
        prefix = f"{self._prefix}{folder}/{beginning}"
        with self._told():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            )
            return [item["Key"].removeprefix(self._prefix) for page in pages for item in page.get("Contents", ())]

    def read(self, key: str) -> bytes | None:
        """As `Objects.read`."""
        found = self._get(key)
        return found[0] if found else None

    def create(self, key: str, content: bytes) -> bool:
        """As `Objects.create`."""
        return self._put(key, content, {"IfNoneMatch": "*"})

    def update(self, key: str, change: Change) -> None:
        """As `Objects.update`: tried again where somebody else was quicker."""
        for _ in range(TRIES):
            found = self._get(key)
            content = change(found[0] if found else None)
            if content is None or self._put(key, content, {"IfMatch": found[1]} if found else {"IfNoneMatch": "*"}):
                return
        raise EventWriteError(f"The object store could not be written: {key} keeps changing.")

    def _get(self, key: str) -> tuple[bytes, str] | None:
        with self._told("NoSuchKey"):
            answer = self._client.get_object(Bucket=self._bucket, Key=f"{self._prefix}{key}")
            return answer["Body"].read(), answer["ETag"]
        return None

    def _put(self, key: str, content: bytes, condition: dict[str, str]) -> bool:
        with self._told("PreconditionFailed", "ConditionalRequestConflict"):
            self._client.put_object(Bucket=self._bucket, Key=f"{self._prefix}{key}", Body=content, **condition)
            return True
        return False

    @contextmanager
    def _told(self, *expected: str) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code not in expected:
                raise EventWriteError(f"The object store {self._bucket} answered {code}.") from error
        except BotoCoreError as error:
            raise EventWriteError(
                f"The object store {self._bucket} cannot be reached: {type(error).__name__}."
            ) from error


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait until no other process and no other thread writes in a folder; remove what a killed one left."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for path in folder.glob(".*.partial"):
            if re.fullmatch(r"\.[0-9a-f]{32}\.partial", path.name):
                path.unlink(missing_ok=True)
        yield
    finally:
        os.close(handle)


def _write_partial(folder: Path, content: bytes, *, mode: int) -> Path:
    path = folder / f".{uuid.uuid4().hex}.partial"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    return path


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
