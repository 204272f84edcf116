"""`dg dev` as a user starts it, in its own process group, on a free port, with its own storage and artefacts."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

REPOSITORY = Path(__file__).parents[2]
Found = TypeVar("Found")


def wait_for(what: str, look: Callable[[], Found | None], *, seconds: float, log: Path) -> Found:
    """What `look` finds, as soon as it finds anything.

    Raises:
        TimeoutError: with the end of the server's log.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(2.0)
    raise TimeoutError(f"{what} did not happen within {seconds:.0f} s.\n{log.read_text()[-6000:]}")


class DagsterServer:
    """A running `dg dev`. Use it as a context: leaving it kills the whole process group."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        self.home = home
        self.log = home / "dg-dev.log"
        self._environment = environment

    def __enter__(self) -> "DagsterServer":
        self.home.mkdir(parents=True, exist_ok=True)
        instance = (REPOSITORY / "dagster.yaml").read_text()
        own_folders = re.sub(r"base_dir: \.dagster/", f"base_dir: {self.home}/", instance)
        assert own_folders.count(str(self.home)) == 3
        (self.home / "dagster.yaml").write_text(own_folders)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        with self.log.open("w") as log:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).with_name("dg")), "dev", "--host", "127.0.0.1", "--port", str(self.port)],
                cwd=REPOSITORY,
                env={**os.environ, "DAGSTER_HOME": str(self.home), **self._environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_for("The code location", self._loaded, seconds=180, log=self.log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query: str, **variables: object) -> dict:
        """The data of a GraphQL query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer
        return answer["data"]

    def materialisations(self, key: str) -> list[dict[str, object]]:
        """Materialisations of an asset, newest first: run id, timestamp and metadata texts by label."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            assetMaterializations(limit: 100) { runId timestamp metadataEntries {
                label ... on TextMetadataEntry { text } ... on BoolMetadataEntry { boolValue } } } } } }"""
        node = self.ask(query, key={"path": key.split("/")})["assetNodeOrError"]
        return [
            {
                "run": event["runId"],
                **{entry["label"]: entry.get("text", entry.get("boolValue")) for entry in event["metadataEntries"]},
            }
            for event in node["assetMaterializations"]
        ]

    def checks(self, key: str) -> dict[str, str]:
        """Status of each check of an asset, for its latest materialisation."""
        query = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
            assetChecksOrError { ... on AssetChecks { checks {
                name executionForLatestMaterialization { status } } } } } } }"""
        found = self.ask(query, key={"path": key.split("/")})["assetNodeOrError"]["assetChecksOrError"]["checks"]
        return {
            check["name"]: (check["executionForLatestMaterialization"] or {"status": "NEVER"})["status"]
            for check in found
        }

    def sensor_ticks(self, name: str) -> int:
        """How many times a sensor has looked and ended."""
        query = """query($name: String!) { sensorOrError(sensorSelector: {
            repositoryName: "__repository__", repositoryLocationName: "mapper", sensorName: $name }) {
            ... on Sensor { sensorState { ticks(limit: 500) { status } } } } }"""
        state = self.ask(query, name=name)["sensorOrError"]["sensorState"]
        return sum(tick["status"] in ("SUCCESS", "SKIPPED") for tick in state["ticks"])

    def _loaded(self) -> bool | None:
        if self._process.poll() is not None:
            raise RuntimeError(f"dg dev ended with {self._process.returncode}.\n{self.log.read_text()[-6000:]}")
        query = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus } } } }"
        try:
            entries = self.ask(query)["workspaceOrError"]["locationEntries"]
        except (urllib.error.URLError, OSError, AssertionError):
            return None
        return True if entries and all(entry["loadStatus"] == "LOADED" for entry in entries) else None
