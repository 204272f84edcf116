"""From segments to ClickHouse, where the last 90 days are kept for queries.

Loading a segment twice does no harm: rows are replaced by (tenant, day, event id), so queries say `FINAL`. Segments
stay the evidence; this table can be dropped and filled again from them.
"""

from collections.abc import Mapping
from typing import Any, Final

from clickhouse_connect import get_client
from clickhouse_connect.driver.exceptions import ClickHouseError

from mapper_domain.errors import EventWriteError
from mapper_domain.segments import EVENT_COLUMNS
from mapper_serving.objects import Objects
from mapper_serving.shipping import segments

TABLE: Final = "mapper_events"
RETENTION_DAYS: Final = 90

_TYPES: Final[Mapping[str, str]] = {
    "string": "String",
    "string?": "Nullable(String)",
    "int64": "Int64",
    "double": "Float64",
    "timestamp[us, UTC]": "DateTime64(6, 'UTC')",
    "list<string>": "Array(String)",
    "map<string, double>": "Map(String, Float64)",
}

DDL: Final = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    {", ".join(f"{name} {_TYPES[kind]}" for name, kind in EVENT_COLUMNS.items())},
    segment String,
    INDEX labels taxonomy TYPE bloom_filter GRANULARITY 4
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(occurred_at)
ORDER BY (tenant_id, toDate(occurred_at), event_id)
TTL toDateTime(occurred_at) + INTERVAL {RETENTION_DAYS} DAY DELETE
SETTINGS ttl_only_drop_parts = 1
"""
"""A partition a day, so that what is too old goes with its whole partition."""


class ClickHouse:
    """A ClickHouse that segments are loaded into; the table is made when there is none."""

    def __init__(self, url: str) -> None:
        """Connect.

        Args:
            url: `http(s)://user:password@host:port/database`, or `chdb:///folder` for the engine in this process.

        Raises:
            EventWriteError: when it cannot be reached.
        """
        try:
            self._client: Any = get_client(dsn=url, connect_timeout=3, send_receive_timeout=60)
            self._client.command(DDL)
        except ClickHouseError as error:
            raise _unreachable(error) from error

    def load(self, objects: Objects, segment: str) -> int:
        """Insert the rows of an event segment; how many.

        Raises:
            EventWriteError: when they may not all be there; load it again then.
        """
        table = segments.read(objects, segment)
        try:
            self._client.insert_arrow(TABLE, table.append_column("segment", [[segment] * table.num_rows]))
        except ClickHouseError as error:
            raise _unreachable(error) from error
        return int(table.num_rows)

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()


def _unreachable(error: ClickHouseError) -> EventWriteError:
    """ClickHouse's messages may quote rows, so only the kind of error and its code are told."""
    return EventWriteError(
        f"ClickHouse failed: {type(error).__name__} {getattr(error, 'code', None) or ''}".rstrip() + "."
    )
