"""The outbox's PostgreSQL schema: brought up to date by its owner, used by a role that owns nothing.

python -m mapper_serving.outbox.postgres_schema     migrate, with the settings of the service
"""

import sys
from importlib.resources import files
from typing import Final

import psycopg
from psycopg import sql

from mapper_serving.outbox.store import StoreFailed
from mapper_serving.secrets.opening import open_secrets
from mapper_serving.secrets.references import SecretUnavailable
from mapper_serving.settings import Settings

LOCK: Final = 0x6D617070
"""Advisory lock under which one process migrates at a time."""


def migrations() -> dict[int, str]:
    """Every migration by its number."""
    folder = files("mapper_serving.outbox") / "migrations"
    scripts = (path for path in folder.iterdir() if path.name.endswith(".sql"))
    return {int(path.name.removesuffix(".sql")): path.read_text() for path in sorted(scripts, key=lambda p: p.name)}


def migrate(owner_url: str, user: str) -> int:
    """Bring the schema up to date and let a role use it; safe to run again, and from several processes at once.

    Args:
        owner_url: the database, as the role that owns the schema or may create it.
        user: the role the service works as.

    Returns:
        The version it has now.

    Raises:
        StoreFailed: when the database refuses.
    """
    try:
        with psycopg.connect(owner_url, connect_timeout=5) as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            connection.execute("CREATE SCHEMA IF NOT EXISTS mapper")
            connection.execute("CREATE TABLE IF NOT EXISTS mapper.migrations (version integer PRIMARY KEY)")
            done = current(connection)
            for version, script in migrations().items():
                if version > done:
                    connection.execute(script.encode())
                    connection.execute("INSERT INTO mapper.migrations VALUES (%s)", (version,))
            for grant in (
                "GRANT USAGE ON SCHEMA mapper TO {}",
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA mapper TO {}",
                "REVOKE INSERT, UPDATE, DELETE ON mapper.migrations FROM {}",
                "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mapper TO {}",
            ):
                connection.execute(sql.SQL(grant).format(sql.Identifier(user)))
            return current(connection)
    except psycopg.Error as error:
        raise StoreFailed(f"the schema cannot be migrated: {told(error)}") from error


def check(connection: psycopg.Connection) -> None:
    """Refuse a schema of another version, and a role that row-level security does not bind.

    Raises:
        StoreFailed: with what to do.
    """
    newest = max(migrations())
    try:
        found = current(connection)
    except psycopg.Error as error:
        raise StoreFailed(
            f"the schema cannot be read ({told(error)}); set MAPPER_OUTBOX_OWNER_URL, or run "
            "python -m mapper_serving.outbox.postgres_schema with it"
        ) from error
    if found < newest:
        raise StoreFailed(f"the schema has version {found} and this service needs {newest}; migrate it")
    free, owns = connection.execute(
        "SELECT (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user), "
        "(SELECT bool_or(pg_has_role(relowner, 'USAGE')) FROM pg_class WHERE relnamespace = 'mapper'::regnamespace)"
    ).fetchone() or (True, True)
    if free or owns:
        raise StoreFailed("its role owns the schema or may bypass row-level security; use one that does neither")


def current(connection: psycopg.Connection) -> int:
    """Version of the schema; 0 for an empty one."""
    row = connection.execute("SELECT coalesce(max(version), 0) FROM mapper.migrations").fetchone()
    return int(row[0]) if row else 0


def told(error: psycopg.Error) -> str:
    """An error without the values that the server's messages quote: its condition, or why there is no connection."""
    if isinstance(error, psycopg.OperationalError) and not error.sqlstate:
        return str(error).partition("\n")[0]
    return f"{type(error).__name__} {error.sqlstate or ''}".rstrip()


def main() -> int:
    """Migrate; 2 with a message when it cannot be done."""
    settings = Settings()
    fill = open_secrets(settings).fill
    if not settings.outbox_owner_url or not settings.outbox_url:
        sys.stderr.write("Set MAPPER_OUTBOX_URL and MAPPER_OUTBOX_OWNER_URL.\n")
        return 2
    try:
        version = migrate(fill(settings.outbox_owner_url), user_of(fill(settings.outbox_url)))
    except (StoreFailed, SecretUnavailable) as error:
        sys.stderr.write(f"Not migrated: {error}.\n")
        return 2
    sys.stdout.write(f"The outbox's schema has version {version}.\n")
    return 0


def user_of(url: str) -> str:
    """The role a database URL logs in as.

    Raises:
        StoreFailed: when it names none.
    """
    user = psycopg.conninfo.conninfo_to_dict(url).get("user")
    if not user:
        raise StoreFailed("MAPPER_OUTBOX_URL names no role")
    return str(user)


if __name__ == "__main__":
    sys.exit(main())
