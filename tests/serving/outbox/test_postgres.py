"""The outbox in PostgreSQL: who may see what, how the schema comes about, and a commit whose answer is lost."""

import re
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import psycopg
import pytest
from outbox_rows import event, held, ids, rejection, reply
from postgres_server import SERVICE, Database, PostgresServer

from mapper_serving.outbox.postgres import PostgresStore
from mapper_serving.outbox.postgres_schema import migrate, migrations
from mapper_serving.outbox.store import StoreFailed, Submission
from mapper_serving.settings import Settings

NOW = datetime.now(UTC)
TABLES = ("days", "events", "rejections", "shipments", "deliveries", "replays")


def opened(url: str) -> PostgresStore:
    return PostgresStore(lambda: url)


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Database:
    """A database with rows of acme."""
    made = postgres.database()
    migrate(made.owner, SERVICE)
    store = opened(made.service)
    store.append([Submission([event(1), rejection(2)], reply())], NOW)
    store.close()
    return made


def count(url: str, table: str, tenant: str | None) -> int:
    with psycopg.connect(url) as connection:
        if tenant:
            connection.execute("SELECT set_config('mapper.tenant', %s, true)", (tenant,))
        row = connection.execute(f"SELECT count(*) FROM mapper.{table}".encode()).fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize("table", ["days", "events", "rejections", "replays"])
def test_rows_are_seen_by_their_tenant_and_by_nobody_else(database: Database, table: str) -> None:
    assert count(database.service, table, "acme") == 1
    assert count(database.service, table, "globex") == 0
    assert count(database.service, table, None) == 0
    assert count(database.owner, table, None) == 0


def test_every_table_with_a_tenant_forces_row_level_security(postgres: PostgresServer, database: Database) -> None:
    found = postgres.psql(
        database.name,
        "SELECT relname FROM pg_class WHERE relnamespace = 'mapper'::regnamespace AND relkind = 'r' "
        "AND relrowsecurity AND relforcerowsecurity ORDER BY 1",
    )
    assert found.split() == sorted(TABLES)


def test_rows_of_another_tenant_can_neither_be_written_nor_removed(database: Database) -> None:
    with psycopg.connect(database.service) as connection:
        connection.execute("SELECT set_config('mapper.tenant', 'globex', true)")
        assert connection.execute("DELETE FROM mapper.events WHERE tenant_id = 'acme'").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO mapper.days VALUES ('acme', '2026-11-23', 9, 9)")
    with psycopg.connect(database.service) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("TRUNCATE mapper.events")
    assert count(database.service, "events", "acme") == 1


def test_a_role_that_owns_the_schema_or_bypasses_its_policies_is_refused(
    postgres: PostgresServer, database: Database
) -> None:
    with pytest.raises(StoreFailed, match="owns the schema"):
        opened(database.owner)
    postgres.psql(database.name, f"CREATE ROLE free LOGIN PASSWORD 'secret' BYPASSRLS; GRANT {SERVICE} TO free")
    with pytest.raises(StoreFailed, match="bypass"):
        opened(database.service.replace(SERVICE, "free"))


def test_a_schema_that_is_missing_or_old_is_refused_with_what_to_do(postgres: PostgresServer) -> None:
    made = postgres.database()
    with pytest.raises(StoreFailed, match="MAPPER_OUTBOX_OWNER_URL"):
        opened(made.service)
    migrate(made.owner, SERVICE)
    postgres.psql(made.name, "DELETE FROM mapper.migrations WHERE version > 1")
    with pytest.raises(StoreFailed, match="migrate it"):
        opened(made.service)


def test_replicas_that_start_at_once_migrate_once(postgres: PostgresServer) -> None:
    made = postgres.database()
    with ThreadPoolExecutor(4) as pool:
        versions = set(pool.map(lambda _: migrate(made.owner, SERVICE), range(4)))
    assert versions == {max(migrations())}


def test_every_commit_waits_for_the_disk(database: Database) -> None:
    store = opened(database.service)
    assert set(store.durability().values()) == {"on"}
    store.close()


@pytest.mark.parametrize("answered", [False, True], ids=["before it is done", "before it is told"])
def test_rows_whose_commit_is_cut_off_are_there_once(postgres: PostgresServer, answered: bool) -> None:
    made = postgres.database()
    migrate(made.owner, SERVICE)
    with cutting_proxy(postgres.port, forward_commit=answered) as (port, cut):
        store = opened(re.sub(r":\d+/", f":{port}/", made.service))
        assert store.append([Submission([event(1)])], NOW) == [True]
        cut.set()
        assert store.append([Submission([event(2), event(3)]), Submission([event(4)], reply())], NOW) == [True, True]
        assert not cut.is_set()
        store.append([Submission([event(5)])], NOW)
        store.close()
    assert ids(held(Settings(outbox_url=made.service)).values()) == ["1", "2", "3", "4", "5"]


@contextmanager
def cutting_proxy(port: int, *, forward_commit: bool) -> Iterator[tuple[int, threading.Event]]:
    """A relay to PostgreSQL that, once asked to, cuts a connection at its next COMMIT, forwarded or not."""
    cut = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def relay(source: socket.socket, target: socket.socket, *, from_client: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if from_client and cut.is_set() and b"COMMIT" in data:
                    cut.clear()
                    if forward_commit:
                        target.sendall(data)
                    break
                target.sendall(data)
        with suppress(OSError):
            source.shutdown(socket.SHUT_RDWR)
            target.shutdown(socket.SHUT_WR)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", port))
            for source, target, side in ((client, server, True), (server, client, False)):
                threading.Thread(target=relay, args=(source, target), kwargs={"from_client": side}, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield int(listener.getsockname()[1]), cut
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
