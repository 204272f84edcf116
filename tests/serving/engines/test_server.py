"""A server is kept in service: replaced when it ends or hangs, with its adapters; and the truth is told meanwhile."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_vllm
import pytest
from fake_vllm import FakeVllm, served

from mapper_domain.errors import EngineError
from mapper_serving.engines.child import Child, Launch, Spec
from mapper_serving.engines.server import Server


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter of an environment in which a made-up server is all there is."""
    script = tmp_path / "python"
    script.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} {fake_vllm.__file__} "$@"\n')
    script.chmod(0o755)
    return script


@pytest.fixture
def ours(python: Path, tmp_path: Path) -> Iterator[Server]:
    """A server of ours, in service."""
    launch = Launch(str(python), "", 1, tmp_path / "logs")
    server = Server(lambda: Child(Spec(tmp_path, "base", 8), launch), start_seconds=20, hang_seconds=0.6)
    server.wait()
    yield server
    server.close()


@pytest.fixture
def theirs() -> Iterator[tuple[Server, FakeVllm]]:
    """A server that is not ours, in service."""
    fake = FakeVllm()
    with served(fake) as url:
        server = Server(None, url=url, start_seconds=5, hang_seconds=0.3)
        server.wait()
        yield server, fake
        server.close()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def pid_of(server: Server) -> int:
    """The server's own process, at the other end of the leash."""
    assert server.child is not None
    leash = server.child.pid
    return int(Path(f"/proc/{leash}/task/{leash}/children").read_text().split()[0])


def served_by(server: Server) -> tuple[str, ...]:
    with server.api() as api:
        return api.models(timeout=5)


@pytest.mark.parametrize(("number", "reason"), [(signal.SIGKILL, "signal 9"), (signal.SIGSTOP, "does not answer")])
def test_a_server_that_ends_or_hangs_is_replaced_with_its_adapters(
    ours: Server, tmp_path: Path, number: signal.Signals, reason: str
) -> None:
    ours.load("a" * 64, tmp_path)
    first = pid_of(ours)
    os.kill(first, number)
    until(lambda: ours.problem)
    assert reason in ours.problem
    until(lambda: not ours.problem)
    assert pid_of(ours) != first
    assert (ours.starts, served_by(ours)) == (2, ("base", "a" * 64))


def test_nothing_is_left_of_a_server_that_is_closed(python: Path, tmp_path: Path) -> None:
    launch = Launch(str(python), "", 1, tmp_path / "logs")
    server = Server(lambda: Child(Spec(tmp_path, "base", 8), launch), start_seconds=20, hang_seconds=1)
    server.wait()
    process = pid_of(server)
    server.close()
    until(lambda: not Path(f"/proc/{process}").exists())
    assert server.problem


def test_nobody_waits_long_for_a_server_that_cannot_be_started(tmp_path: Path) -> None:
    launch = Launch(str(tmp_path / "nowhere"), "", 1, tmp_path / "logs")
    server = Server(lambda: Child(Spec(tmp_path, "base", 8), launch), start_seconds=60, hang_seconds=1)
    with pytest.raises(EngineError, match="status 1"):
        server.load("a", tmp_path)
    server.close()


def test_it_gets_nothing_of_this_services_settings(ours: Server) -> None:
    environment = Path(f"/proc/{pid_of(ours)}/environ").read_bytes().split(b"\0")
    assert not [line for line in environment if line.startswith(b"MAPPER_")]
    assert b"HF_HUB_OFFLINE=1" in environment


def test_an_adapter_two_have_loaded_stays_until_both_are_done_with_it(ours: Server, tmp_path: Path) -> None:
    ours.load("a", tmp_path)
    ours.load("a", tmp_path)
    ours.unload("a")
    assert served_by(ours) == ("base", "a")
    ours.unload("a")
    assert served_by(ours) == ("base",)


def test_a_server_that_is_not_ours_keeps_what_others_may_ask_for(
    theirs: tuple[Server, FakeVllm], tmp_path: Path
) -> None:
    server, fake = theirs
    server.load("a", tmp_path)
    server.unload("a")
    assert fake.models == ["base", "a"]


def test_an_adapter_that_is_refused_is_refused_in_the_servers_words(
    theirs: tuple[Server, FakeVllm], tmp_path: Path
) -> None:
    server, _ = theirs
    with pytest.raises(EngineError, match="LoRA rank 64 is greater"):
        server.load("a", tmp_path / "broken")
    assert server.problem == ""


def test_a_server_that_is_not_ours_gets_its_adapters_back(theirs: tuple[Server, FakeVllm], tmp_path: Path) -> None:
    server, fake = theirs
    server.load("a", tmp_path)
    fake.models.remove("a")
    until(lambda: "a" in fake.models)


def test_a_server_that_is_not_ours_is_away_until_it_answers_again(theirs: tuple[Server, FakeVllm]) -> None:
    server, fake = theirs
    fake.status = 500
    until(lambda: server.problem)
    assert "does not answer. It is asked again." in server.problem
    fake.status = 200
    until(lambda: not server.problem)


def test_a_busy_server_that_answers_others_is_not_away(theirs: tuple[Server, FakeVllm]) -> None:
    server, fake = theirs
    fake.pause = 0.5
    end = time.monotonic() + 2
    while time.monotonic() < end:
        server.answered()
        assert server.problem == ""
        time.sleep(0.02)


def test_a_server_that_does_not_hold_its_answers_to_the_schema_is_found_out(theirs: tuple[Server, FakeVllm]) -> None:
    server, fake = theirs
    with server.api() as api:
        assert api.answer("base", "what?", ["OTHER.Unknown"], timeout=5) == ("OTHER.Unknown",)
        fake.says = "Unknown, I suppose."
        with pytest.raises(EngineError, match="JSON schema"):
            api.answer("base", "what?", ["OTHER.Unknown"], timeout=5)
