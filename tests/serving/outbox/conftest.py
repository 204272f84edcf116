"""Each test here runs on both outboxes, unless it is about one of them; the writer is a thread, which starts sooner."""

from pathlib import Path

import pytest
from postgres_server import PostgresServer

from mapper_serving.settings import Settings


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of an outbox of its own, not yet opened."""
    if request.param == "sqlite":
        return Settings(artifacts=tmp_path, outbox_apart=False)
    server: PostgresServer = request.getfixturevalue("postgres")
    database = server.database()
    return Settings(
        artifacts=tmp_path, outbox_apart=False, outbox_url=database.service, outbox_owner_url=database.owner
    )
