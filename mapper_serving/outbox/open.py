"""Which outbox the settings ask for: PostgreSQL where they name one, else a SQLite file.

The PostgreSQL driver is imported only where it is used.
"""

from contextlib import AbstractContextManager
from functools import partial

from mapper_domain.errors import EventWriteError
from mapper_serving.outbox import sqlite, sqlite_drain
from mapper_serving.outbox.outbox import OnCommit, Outbox
from mapper_serving.outbox.store import Drain, Store, StoreFailed
from mapper_serving.outbox.writer import Apart, InThread, Writer
from mapper_serving.secrets.opening import open_secrets
from mapper_serving.secrets.references import SecretUnavailable
from mapper_serving.secrets.store import Secrets
from mapper_serving.settings import Settings


def open_outbox(
    settings: Settings, on_commit: OnCommit = lambda _rows, _seconds: None, secrets: Secrets | None = None
) -> Outbox:
    """The outbox, ready to take rows.

    Args:
        settings: say where it is and how much it may hold.
        on_commit: told rows and seconds of every commit; rows are 0 for one that failed.
        secrets: those the URLs refer to.

    Raises:
        EventWriteError: when it cannot be used.
    """
    told = settings.model_copy(update={"outbox_owner_url": ""})  # who opens it first has migrated it

    def start_writer() -> Writer:
        if settings.outbox_apart:
            return Apart(told.model_dump_json())
        return InThread(lambda: open_store(told, secrets))

    try:
        store = open_store(settings, secrets)
        return Outbox(store, start_writer, max_rows=settings.outbox_max_events, on_commit=on_commit)
    except StoreFailed as error:
        raise EventWriteError(f"The outbox cannot be opened: {error}.") from error


def open_store(settings: Settings, secrets: Secrets | None = None) -> Store:
    """Where the outbox keeps its rows.

    Raises:
        StoreFailed: when it cannot be used.
    """
    if not settings.outbox_url:
        return sqlite.SqliteStore(settings.layout.outbox, max_bytes=settings.outbox_max_bytes)
    from mapper_serving.outbox import postgres, postgres_schema

    secrets = secrets or open_secrets(settings)
    url = partial(secrets.fill, settings.outbox_url)
    try:
        if settings.outbox_owner_url:
            postgres_schema.migrate(secrets.fill(settings.outbox_owner_url), postgres_schema.user_of(url()))
        return postgres.PostgresStore(url)
    except SecretUnavailable as error:
        raise StoreFailed(str(error)) from error


def draining(
    settings: Settings, sink: str, *, wait: bool, secrets: Secrets | None = None
) -> AbstractContextManager[Drain | None]:
    """The outbox for whoever ships it; None where there is nothing to do for it.

    Args:
        settings: say where it is.
        sink: what it is shipped to; shippers to different sinks do not wait for one another.
        wait: for another shipper to end, where only one may work.
        secrets: those the URL refers to.

    Raises:
        StoreFailed: when it cannot be used; inside the context, too.
    """
    if not settings.outbox_url:
        return sqlite_drain.draining(settings.layout.outbox, sink, wait=wait)
    from mapper_serving.outbox import postgres_drain

    try:
        return postgres_drain.draining((secrets or open_secrets(settings)).fill(settings.outbox_url))
    except SecretUnavailable as error:
        raise StoreFailed(str(error)) from error
