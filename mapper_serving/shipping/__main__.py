"""`python -m mapper_serving.shipping --once`: drain the outbox by hand."""

import argparse
import sys

from mapper_domain.errors import EventWriteError
from mapper_serving.outbox.store import StoreFailed
from mapper_serving.secrets.references import SecretUnavailable
from mapper_serving.settings import Settings
from mapper_serving.shipping.apart import ARGUMENT, attached
from mapper_serving.shipping.shipper import load_clickhouse, ship_segments


def main(arguments: list[str] | None = None) -> int:
    """Drain the outbox; 0 when it is empty afterwards, 1 with a message when it is not."""
    parser = argparse.ArgumentParser(prog="python -m mapper_serving.shipping", description="Drain the outbox by hand.")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--once", action="store_true", help="ship everything that waits, then end")
    how.add_argument(ARGUMENT, action="store_true", help=argparse.SUPPRESS)
    if not parser.parse_args(arguments).once:
        attached()
    settings = Settings()
    try:
        rounds = list(ship_segments(settings))
        loaded = sum(shipped.events for shipped in load_clickhouse(settings))
    except (OSError, StoreFailed, EventWriteError, SecretUnavailable) as error:
        sys.stderr.write(f"Shipping stopped; what is left is safe in the outbox: {error}\n")
        return 1
    events, rejections = sum(r.events for r in rounds), sum(r.rejections for r in rounds)
    where = settings.segments or settings.artifacts
    sys.stdout.write(f"Shipped {events} events and {rejections} rejections to {where}.\n")
    if settings.clickhouse_url:
        sys.stdout.write(f"Loaded {loaded} events into ClickHouse.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
