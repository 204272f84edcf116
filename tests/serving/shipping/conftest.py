"""What is true of shipping is true from either outbox, to a folder and to a bucket."""

from pathlib import Path

import pytest
from postgres_server import PostgresServer
from seaweed_server import SeaweedServer

from mapper_serving.settings import Settings


@pytest.fixture(params=["sqlite to folder", "postgres to folder", "sqlite to s3", "postgres to s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an outbox and a place for segments, both empty."""
    wanted: dict[str, object] = {"artifacts": tmp_path}
    if "postgres" in request.param:
        server: PostgresServer = request.getfixturevalue("postgres")
        database = server.database()
        wanted |= {"outbox_url": database.service, "outbox_owner_url": database.owner}
    if "s3" in request.param:
        store: SeaweedServer = request.getfixturevalue("seaweed")
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        wanted["segments"] = store.place()
    return Settings.model_validate(wanted)
