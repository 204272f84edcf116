"""What the README shows works as shown: the curl call against a real service, the YAML example in a real catalogue."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mapper_domain.catalog import load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def block(language: str) -> str:
    """The only fenced block of that language."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """A real service in rules mode on a free port, with the environment its commands need."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "MAPPER_PORT": str(port),
        "MAPPER_ARTIFACTS": str(tmp_path / "artifacts"),
        "MAPPER_KEYS": str(tmp_path / "keys.yaml"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "mapper_serving"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(300):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield port, environment
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.slow
def test_the_shown_commands_map_a_label(service: tuple[int, dict[str, str]]) -> None:
    port, environment = service
    commands = block("bash").replace("8080", str(port)).replace(".venv/bin/python", sys.executable)
    shown = subprocess.run(["bash", "-ec", commands], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert json.loads(shown.stdout)["taxonomy"] == ["PII.Identifier.SSN"]


def test_the_shown_detector_is_a_valid_one(tmp_path: Path) -> None:
    for folder in ("taxonomy", "detectors", "frameworks"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "detectors" / "my-scanner.yaml").write_text(block("yaml"))
    assert load(tmp_path).detector("my-scanner").maps[0].canonical == ("HARM.SPEECH.Toxicity",)
