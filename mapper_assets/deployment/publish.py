"""Copies releases to a bucket for services on other machines: files first, manifest after them, the pointer last.

So whoever reads the bucket at any moment finds every release that the pointer names whole. Nothing is deleted there.
"""

import os
from typing import Any

from mapper_domain.errors import ReleaseMissing
from mapper_domain.layout import Layout
from mapper_domain.release import MANIFEST, POINTER, Pointer, read_pointer, verify


def publish(layout: Layout, place: str, client: Any = None) -> Pointer:
    """Copy what the pointer names, and the pointer, to `s3://bucket/prefix`; what is there already is left as it is.

    Args:
        layout: where artefacts lie.
        place: bucket and prefix. Address and credentials come from the environment, as boto3 has them.
        client: an S3 client, by default of boto3.

    Raises:
        ReleaseMissing: when nothing has been promoted.
        ReleaseCorrupt: when a file was altered.
    """
    import boto3

    pointer = read_pointer(layout.releases)
    if pointer is None:
        raise ReleaseMissing("Nothing has been promoted, so there is nothing to publish.")
    client = client or boto3.Session().client("s3", region_name=os.environ.get("AWS_REGION"))
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
    for release in pointer.releases:
        folder = layout.releases / release
        manifest = verify(folder)
        if _holds(client, bucket, f"{prefix}{release}/{MANIFEST}"):
            continue
        for name in (*manifest.files, MANIFEST):
            client.upload_file(str(folder / name), bucket, f"{prefix}{release}/{name}")
    client.upload_file(str(layout.releases / POINTER), bucket, f"{prefix}{POINTER}")
    return pointer


def _holds(client: Any, bucket: str, key: str) -> bool:
    found = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return any(item["Key"] == key for item in found.get("Contents", ()))
