"""Passwords of databases come from secrets: a real PostgreSQL, whose role gets a new password while rows go in."""

import asyncio
from pathlib import Path

import pytest
from outbox_rows import event, held, ids
from postgres_server import PostgresServer

from mapper_domain.errors import EventWriteError
from mapper_serving.outbox.open import open_outbox
from mapper_serving.secrets.local import read_file
from mapper_serving.secrets.store import Secrets
from mapper_serving.settings import Settings

ROLE = "rotating"
PASSWORDS = ("first p@ss/word#1", "second p@ss/word#2")


@pytest.fixture
def place(postgres: PostgresServer, tmp_path: Path) -> Settings:
    """An outbox in PostgreSQL whose URLs name files in place of passwords."""
    postgres.psql("postgres", f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORDS[0]}'")
    database = postgres.database()
    (tmp_path / "service").write_text(PASSWORDS[0])
    (tmp_path / "owner").write_text("secret\n")
    address = f"127.0.0.1:{postgres.port}/{database.name}"
    return Settings(
        artifacts=tmp_path,
        outbox_apart=False,
        outbox_url=f"postgresql://{ROLE}:{{file:{tmp_path / 'service'}}}@{address}",
        outbox_owner_url=f"postgresql://mapper_owner:{{file:{tmp_path / 'owner'}}}@{address}",
    )


def test_a_password_that_changed_is_taken_at_the_next_connection(
    postgres: PostgresServer, place: Settings, tmp_path: Path
) -> None:
    outbox = open_outbox(place, secrets=Secrets({"file": read_file}, ttl_seconds=1e-9))
    asyncio.run(outbox.append([event(1)]))
    postgres.psql("postgres", f"ALTER ROLE {ROLE} PASSWORD '{PASSWORDS[1]}'")
    (tmp_path / "service").write_text(PASSWORDS[1])
    postgres.psql("postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")
    asyncio.run(outbox.append([event(2)]))
    outbox.close()
    assert ids(held(place).values()) == ["1", "2"]
    (tmp_path / "service").unlink()
    with pytest.raises(EventWriteError, match="service cannot be read: FileNotFoundError"):
        open_outbox(place)
