"""PostgreSQL goes away under load: callers wait or are refused, and every acknowledged event is there once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from outbox_rows import event, held, ids
from postgres_server import SERVICE, Database, PostgresServer, postgres_server
from service_process import Load, ServiceProcess
from shipped_events import check_exactly_once
from utc_days import around_today

from mapper_serving.objects import Folder
from mapper_serving.outbox import postgres
from mapper_serving.outbox.postgres_schema import migrate
from mapper_serving.outbox.store import Submission
from mapper_serving.settings import Settings

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mortal() -> Iterator[PostgresServer]:
    """A server that no other test uses."""
    with postgres_server() as server:
        yield server


def begin(folder: Path, database: Database, **settings: object) -> ServiceProcess:
    folder.mkdir(exist_ok=True)
    return ServiceProcess(folder, outbox_url=database.service, outbox_owner_url=database.owner, **settings)


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_a_restart_under_load_loses_nothing_and_doubles_nothing(
    tmp_path: Path, mortal: PostgresServer, how: str
) -> None:
    service = begin(tmp_path, mortal.database())
    with Load(service.port, service.acme) as load:
        for _ in range(2):
            load.wait_for(50)
            mortal.stop(how)
            mortal.start()
        load.wait_for(50)
    service.end()
    service.ship()
    assert load.broken == 0
    assert load.statuses.keys() <= {200, 503}
    found = check_exactly_once(Folder(tmp_path), load.acknowledged, around_today())
    extra = found - len(load.acknowledged)
    assert 0 <= extra <= load.statuses[503]  # committed, and the database was away too long to say so
    print(
        f"{found} events, each once, over two {how} restarts; {load.statuses[503]} requests refused, {extra} in doubt"
    )


def test_a_commit_that_a_crash_has_undone_is_not_taken_for_another_that_got_its_transaction_id(
    mortal: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PATIENCE_SECONDS", 60.0)
    database = mortal.database()
    migrate(database.owner, SERVICE)
    undone: list[int] = []

    def url() -> str:
        """Asked for before each connection: after the crash, somebody else is first, and gets the id."""
        while undone:
            with psycopg.connect(database.service) as connection:
                given = _one(connection, "SELECT pg_current_xact_id()::text::bigint")
            if given >= undone[0]:
                assert given == undone.pop()
        return database.service

    store = postgres.PostgresStore(url)
    now = datetime.now(UTC)
    store.append([Submission([event(1)])], now)
    with (
        ThreadPoolExecutor(1) as pool,
        suppress(psycopg.OperationalError),
        psycopg.connect(database.service) as holder,
    ):
        holder.execute("SELECT set_config('mapper.tenant', 'acme', true)")
        holder.execute("SELECT FROM mapper.days FOR UPDATE")
        told = pool.submit(store.append, [Submission([event(2)])], now)
        waiting = "SELECT max(backend_xid::text::bigint) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        while not (found := mortal.psql(database.name, waiting)):
            assert not told.done()
        undone.append(int(found))
        mortal.stop("immediate")
        mortal.start()
    assert told.result() == [True]
    assert not undone
    store.close()
    assert ids(held(Settings(outbox_url=database.service)).values()) == ["1", "2"]


def _one(connection: psycopg.Connection, query: LiteralString) -> int:
    row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def test_while_it_is_away_the_service_refuses_and_is_not_ready_and_comes_back_by_itself(
    tmp_path: Path, mortal: PostgresServer
) -> None:
    service = begin(tmp_path, mortal.database())
    with Load(service.port, service.acme, callers=4) as load:
        load.wait_for(20)
        mortal.stop()
        load.wait_for_status(503)
        assert service.get("/readyz")[0] == 503
        assert service.get("/livez")[0] == 200
        mortal.start()
        service.wait_until_ready(60)
        load.wait_for(20)
    service.end()
    service.ship()
    found = check_exactly_once(Folder(tmp_path), load.acknowledged, around_today())
    assert 0 <= found - len(load.acknowledged) <= load.statuses[503]


def test_replicas_share_one_database_and_ship_side_by_side(tmp_path: Path, mortal: PostgresServer) -> None:
    database, segments = mortal.database(), tmp_path / "shared"
    replicas = [begin(tmp_path / name, database, segments=segments, segment_rows=20) for name in ("one", "two")]
    loads = [Load(replica.port, replica.acme, callers=4) for replica in replicas]
    with loads[0], loads[1]:
        for load in loads:
            load.wait_for(150)
    for replica in replicas:
        replica.end()
    replicas[0].ship()
    acknowledged = [id_ for load in loads for id_ in load.acknowledged]
    found = check_exactly_once(Folder(segments), acknowledged, around_today())
    assert found == len(acknowledged)
    print(f"{found} events of two replicas, numbered 1 to {found} without a gap")
