"""From segments to ClickHouse, on its real engine inside this process: each event once, old ones gone."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect import get_client
from shipping_rows import append, check_complete, event, objects_of, rejection, shipped

from mapper_domain.errors import EventWriteError
from mapper_serving.outbox.open import open_outbox
from mapper_serving.outbox.rows import Event
from mapper_serving.settings import Settings
from mapper_serving.shipping.clickhouse import TABLE, ClickHouse
from mapper_serving.shipping.shipper import load_clickhouse


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    client = get_client(interface="chdb")
    yield client
    client.close()


@pytest.fixture
def place(engine: Any, tmp_path: Path) -> Settings:
    """A file outbox, a folder, and a database of its own."""
    database = f"mapper_{uuid.uuid4().hex[:8]}"
    engine.command(f"CREATE DATABASE {database}")
    return Settings(artifacts=tmp_path, clickhouse_url=f"chdb://memory/{database}")


def query(engine: Any, place: Settings, what: str, *, final: bool = True) -> list[Any]:
    table = f"{place.clickhouse_url.rpartition('/')[2]}.{TABLE} {'FINAL' if final else ''}"
    return list(engine.query(f"SELECT {what} FROM {table} ORDER BY event_id").result_rows)


def loaded(place: Settings) -> int:
    return sum(moved.events for moved in load_clickhouse(place, wait=True))


def test_what_is_in_segments_comes_into_the_table_as_it_is(engine: Any, place: Settings) -> None:
    rows = [event(), event("globex"), rejection(), event()]
    append(place, rows)
    assert shipped(place) == (3, 1)
    assert loaded(place) == 3
    assert loaded(place) == 0
    events = [row for row in rows if isinstance(row, Event)]
    wanted = sorted((row.event_id, row.tenant_id, row.event, ["PII.Other"], {"PII.Other": 1.0}) for row in events)
    assert query(engine, place, "event_id, tenant_id, event_json, taxonomy, scores") == wanted
    check_complete(place, rows)


def test_a_segment_loaded_twice_is_there_once(engine: Any, place: Settings) -> None:
    append(place, [event(), event()])
    shipped(place)
    loaded(place)
    clickhouse = ClickHouse(place.clickhouse_url)
    ((segment,),) = set(query(engine, place, "segment"))
    assert clickhouse.load(objects_of(place), segment) == 2
    assert query(engine, place, "count() OVER ()", final=False)[0] == (4,)
    assert len(query(engine, place, "event_id")) == 2


def test_while_clickhouse_is_away_segments_are_shipped_and_what_is_missing_comes_later(
    engine: Any, place: Settings
) -> None:
    away = place.model_copy(update={"clickhouse_url": "http://127.0.0.1:9/mapper"})
    rows = [event(), event()]
    append(away, rows)
    assert shipped(away) == (2, 0)
    with pytest.raises(EventWriteError, match="ClickHouse"):
        loaded(away)
    check_complete(away, rows)
    outbox = open_outbox(away)
    assert (outbox.pending, outbox.backlog.deliveries) == (0, 1)
    assert outbox.backlog.oldest_delivery is not None
    outbox.close()
    assert loaded(place) == 2
    assert len(query(engine, place, "event_id")) == 2


def test_events_older_than_ninety_days_go(engine: Any, place: Settings) -> None:
    today = datetime.now(UTC)
    days = [(today - timedelta(days=age)).date().isoformat() for age in (89, 92)]
    rows = [event(day=day) for day in days]
    append(place, rows)
    shipped(place)
    assert loaded(place) == 2
    engine.command(f"OPTIMIZE TABLE {place.clickhouse_url.rpartition('/')[2]}.{TABLE} FINAL")
    assert query(engine, place, "event_id") == [(rows[0].event_id,)]
