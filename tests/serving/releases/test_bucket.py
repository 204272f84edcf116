"""Releases in a real object store: fetched whole, checked before they are used, kept as long as they may be needed."""

import os
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from release_maker import ADAPTER, make_base
from seaweed_server import SeaweedServer
from serving_app import App
from swapping import UNSEEN, Maker, point, readiness, serves, wait_until

from mapper_assets.deployment.publish import publish
from mapper_domain.catalog import Catalog
from mapper_domain.errors import ReleaseCorrupt, ReleaseMissing, ReleaseUnreachable
from mapper_domain.layout import Layout
from mapper_domain.release import Canary, verify
from mapper_serving.releases import bucket
from mapper_serving.releases.bucket import Bucket

pytestmark = pytest.mark.slow

OLD, NEW = "JAILBREAK.Attempt", "HARM.SPEECH.Threat"


@pytest.fixture
def place(seaweed: SeaweedServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in a bucket, and its address in the environment."""
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    return seaweed.place()


@pytest.fixture
def elsewhere(tmp_path: Path, catalog: Catalog) -> Maker:
    """Makes releases on the machine that publishes them."""
    return Maker(Layout(tmp_path / "elsewhere"), catalog)


@pytest.fixture
def source(place: str, tmp_path: Path) -> Bucket:
    """The bucket as a service sees it that has fetched nothing yet."""
    return Bucket.open(place, tmp_path / "cache")


def key_of(place: str, name: str) -> tuple[str, str]:
    """Bucket and key of a file of the place."""
    store, _, prefix = place.removeprefix("s3://").partition("/")
    return store, f"{prefix}/{name}"


def test_before_the_first_promotion_the_bucket_has_no_pointer(source: Bucket) -> None:
    assert source.pointer() is None


def test_a_release_arrives_whole_and_shares_what_is_the_same_with_others(
    source: Bucket, elsewhere: Maker, place: str, tmp_path: Path
) -> None:
    first, second = elsewhere(OLD), elsewhere(NEW)
    point(elsewhere.layout, first, canary=Canary(release=second, share=0.5))
    pointer = publish(elsewhere.layout, place)
    assert source.pointer() == pointer
    folders = [source.fetch(release) for release in pointer.releases]
    manifests = [verify(folder) for folder in folders]
    names = {sha for manifest in manifests for sha in manifest.files.values()}
    assert {blob.name for blob in (tmp_path / "cache" / "blobs").iterdir()} == names
    taxonomies = [folder / "catalog" / "taxonomy" / "taxonomy.yaml" for folder in folders]
    assert taxonomies[0].samefile(taxonomies[1])
    assert (folders[1] / "adapter" / ADAPTER).read_text() == NEW


def test_what_was_fetched_is_not_fetched_again_and_mended_when_it_was_altered(
    source: Bucket, elsewhere: Maker, place: str, seaweed: SeaweedServer
) -> None:
    release = elsewhere(OLD)
    point(elsewhere.layout, release)
    publish(elsewhere.layout, place)
    folder = source.fetch(release)
    altered = folder / "adapter" / ADAPTER
    altered.chmod(0o644)
    altered.write_text("altered on this machine")
    verify(source.fetch(release))
    seaweed.client.delete_object(**dict(zip(("Bucket", "Key"), key_of(place, f"{release}/manifest.json"), strict=True)))
    assert source.fetch(release) == folder


def test_a_file_that_is_not_what_the_manifest_says_never_gets_into_the_cache(
    source: Bucket, elsewhere: Maker, place: str, seaweed: SeaweedServer, tmp_path: Path
) -> None:
    release = elsewhere(OLD)
    point(elsewhere.layout, release)
    publish(elsewhere.layout, place)
    store, key = key_of(place, f"{release}/adapter/{ADAPTER}")
    seaweed.client.put_object(Bucket=store, Key=key, Body=b"altered in the bucket")
    with pytest.raises(ReleaseCorrupt, match="publish it again"):
        source.fetch(release)
    assert not (tmp_path / "cache" / "releases" / release).exists()
    left = [blob.read_bytes() for blob in (tmp_path / "cache" / "blobs").iterdir()]
    assert b"altered in the bucket" not in left
    seaweed.client.delete_object(Bucket=store, Key=key)
    with pytest.raises(ReleaseMissing, match="is not in the bucket"):
        source.fetch(release)


def test_a_store_that_does_not_answer_is_told_apart_from_one_without_the_release(tmp_path: Path) -> None:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    quick = Config(connect_timeout=1, read_timeout=1, retries={"max_attempts": 0})
    client = boto3.client("s3", endpoint_url="http://127.0.0.1:9", config=quick, **keys)
    source = Bucket(client, "evidence", "", tmp_path)
    with pytest.raises(ReleaseUnreachable, match="does not answer"):
        source.pointer()
    with pytest.raises(ReleaseUnreachable, match="does not answer"):
        source.fetch("0123456789abcdef")


def test_a_key_that_may_not_read_is_refused_with_the_reason(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(ReleaseUnreachable, match="see its credentials"):
        Bucket.open(place, tmp_path).pointer()


def test_what_nobody_needs_goes_but_not_the_last_ones_nor_what_is_just_arriving(
    source: Bucket, elsewhere: Maker, place: str, tmp_path: Path
) -> None:
    releases = [elsewhere(OLD) for _ in range(bucket.SPARE + 2)]
    for number, release in enumerate(releases):
        point(elsewhere.layout, release)
        publish(elsewhere.layout, place)
        os.utime(source.fetch(release), (1_000 + number, 1_000 + number))
    blobs = tmp_path / "cache" / "blobs"
    orphan, arriving = blobs / ("0" * 64), blobs / ("1" * 64)
    for blob in (orphan, arriving):
        blob.write_text(blob.name)
    os.utime(orphan, (1_000, 1_000))
    source.prune([releases[0]])
    kept = {folder.name for folder in (tmp_path / "cache" / "releases").iterdir()}
    assert kept == {releases[0], *releases[-bucket.SPARE :]}
    assert (orphan.exists(), arriving.exists()) == (False, True)
    for release in kept:
        verify(tmp_path / "cache" / "releases" / release)


def test_a_service_follows_the_pointer_in_the_bucket_and_keeps_the_last_good_release(
    place: str, elsewhere: Maker, tmp_path: Path, start: Callable[..., App], seaweed: SeaweedServer
) -> None:
    make_base(Layout(tmp_path))
    app = start(releases=place)
    assert readiness(app)["mode"] == "rules"
    first, second = elsewhere(OLD), elsewhere(NEW)
    point(elsewhere.layout, first)
    publish(elsewhere.layout, place)
    wait_until(serves(app, first))
    assert app.map("presidio", UNSEEN).json()["taxonomy"] == [OLD]
    point(elsewhere.layout, second)
    publish(elsewhere.layout, place)
    wait_until(serves(app, second))
    store, key = key_of(place, "current.json")
    seaweed.client.put_object(Bucket=store, Key=key, Body=b"{")
    wait_until(lambda: "is not a release pointer" in str(readiness(app)["refused"]))
    assert app.map("presidio", UNSEEN).json()["taxonomy"] == [NEW]
    publish(elsewhere.layout, place)
    wait_until(lambda: readiness(app)["refused"] == "")


def test_a_service_goes_on_while_the_store_is_away(
    place: str, elsewhere: Maker, tmp_path: Path, start: Callable[..., App], seaweed: SeaweedServer
) -> None:
    make_base(Layout(tmp_path))
    release = elsewhere(OLD)
    point(elsewhere.layout, release)
    publish(elsewhere.layout, place)
    app = start(releases=place)
    wait_until(serves(app, release))
    seaweed.kill()
    try:
        wait_until(lambda: "does not answer" in str(readiness(app)["refused"]), seconds=60)
        assert readiness(app)["status"] == "ready"
        assert app.map("presidio", UNSEEN).json()["taxonomy"] == [OLD]
        assert app.metric('mapper_release_refused_total{reason="unreachable"}') == 1
    finally:
        seaweed.start()
    wait_until(lambda: readiness(app)["refused"] == "", seconds=60)
