"""A PostgreSQL server of one's own: a real cluster in a new folder, with an owner and a role that owns nothing."""

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

OWNER, SERVICE = "mapper_owner", "mapper_service"
USER = "postgres" if os.geteuid() == 0 else None
"""PostgreSQL refuses to run as root."""


def _binary(name: str) -> str:
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    found = shutil.which(name, path=os.pathsep.join(map(str, places))) or shutil.which(name)
    assert found, f"{name} is missing: install Debian's postgresql package"
    return found


class Database(NamedTuple):
    """A database, and its URL for each role."""

    name: str
    service: str
    owner: str


@dataclass(frozen=True)
class PostgresServer:
    """A running server; databases are made one for each test."""

    folder: Path
    port: int

    def database(self) -> Database:
        """Make a database."""
        name = f"outbox_{uuid.uuid4().hex[:12]}"
        self.psql("postgres", f"CREATE DATABASE {name} OWNER {OWNER}")
        service, owner = (f"postgresql://{role}:secret@127.0.0.1:{self.port}/{name}" for role in (SERVICE, OWNER))
        return Database(name, service, owner)

    def psql(self, database: str, statement: str) -> str:
        """Run a statement as the superuser."""
        command = ["psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.folder), "-p", str(self.port)]
        return self._run([_binary("psql"), *command[1:], "-d", database, "-c", statement])

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1 -p {self.port} -k {self.folder}"
        self._run(
            [
                _binary("pg_ctl"),
                "-D",
                str(self.folder / "data"),
                "-w",
                "-t",
                "180",
                "-l",
                f"{self.folder}/log",
                "-o",
                options,
                "start",
            ]
        )

    def stop(self, how: str = "immediate") -> None:
        """Stop it: `fast` ends its connections, `immediate` is a crash."""
        self._run([_binary("pg_ctl"), "-D", str(self.folder / "data"), "-w", "-m", how, "stop"])

    def _run(self, command: list[str]) -> str:
        done = subprocess.run(command, user=USER, cwd=self.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A new server, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mapper-postgres-"))
    if USER:
        shutil.chown(folder, USER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = PostgresServer(folder, int(probe.getsockname()[1]))
    password = folder / "password"
    password.write_text("secret")
    try:
        server._run(
            [
                _binary("initdb"),
                "-D",
                str(folder / "data"),
                "-A",
                "scram-sha-256",
                "--no-sync",
                "--auth-local=trust",
                "-U",
                "postgres",
                f"--pwfile={password}",
            ]
        )
        server.start()
        for role in (OWNER, SERVICE):
            server.psql("postgres", f"CREATE ROLE {role} LOGIN PASSWORD 'secret'")
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
