"""vLLM killed or stopped under load: all are answered, readiness tells the truth, and it comes back by itself."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pytest
from release_maker import point_at
from serving_app import App, running_app
from vllm_world import HANG_SECONDS, START_SECONDS, UNSEEN, VllmWorld

from mapper_serving.engines.server import Server
from mapper_serving.state import rules_only

pytestmark = [pytest.mark.slow, pytest.mark.vllm, pytest.mark.timeout(1200)]

CALLERS = 3
_numbers = count()


class Answered(NamedTuple):
    """One answer to a label nobody has seen before."""

    at: float
    status: int
    route: str


@pytest.fixture
def app(vllm: VllmWorld) -> Iterator[App]:
    """The service on a release whose adapter a real vLLM serves."""
    release = vllm.release()
    point_at(vllm.layout, release)
    opener = vllm.opener
    with running_app(
        vllm.layout.root, rules_only(vllm.catalog), open_engine=opener, release_poll_seconds=0.2, deadline_seconds=8.0
    ) as app:
        until(lambda: app.http.get("/readyz").json()["release"] == release)
        yield app


def readiness(app: App) -> dict[str, object]:
    response = app.http.get("/readyz")
    assert response.status_code == 200, response.text
    found: dict[str, object] = response.json()
    return found


def until(condition: object, seconds: float = START_SECONDS) -> float:
    """Seconds until it holds."""
    began = time.monotonic()
    while not condition():  # type: ignore[operator]
        assert time.monotonic() - began < seconds
        time.sleep(0.1)
    return time.monotonic() - began


def ask(app: App) -> Answered:
    """Map a label that is asked for the first time, so that nothing is remembered of it."""
    number = next(_numbers)
    response = app.map("presidio", f"{UNSEEN[number % len(UNSEEN)]} number {number}")
    return Answered(time.monotonic(), response.status_code, response.json()["provenance"]["route"])


def heard_in_full(app: App) -> bool:
    """Whether both voices answer a new question."""
    before = app.metric('mapper_model_calls_total{outcome="answered"}')
    ask(app)
    return app.metric('mapper_model_calls_total{outcome="answered"}') > before


@contextmanager
def load(app: App) -> Iterator[list[Answered]]:
    """Callers that ask one new question after the other until the block ends."""
    answers: list[Answered] = []
    stop = threading.Event()

    def call() -> None:
        while not stop.is_set():
            answers.append(ask(app))

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield answers
    finally:
        stop.set()
        for caller in callers:
            caller.join()


def process_of(server: Server) -> int:
    """The server's own process, at the other end of the leash."""
    assert server.child is not None
    leash = server.child.pid
    return int(Path(f"/proc/{leash}/task/{leash}/children").read_text().split()[0])


@pytest.mark.parametrize(
    ("number", "reason", "notice"),
    [(signal.SIGKILL, "ended with signal 9", 10.0), (signal.SIGSTOP, "does not answer", 3 * HANG_SECONDS)],
    ids=["SIGKILL", "SIGSTOP"],
)
def test_the_service_answers_without_vllm_says_so_and_has_it_back(
    vllm: VllmWorld, app: App, number: signal.Signals, reason: str, notice: float
) -> None:
    (server,) = vllm.opener.fleet.servers
    until(lambda: heard_in_full(app))
    assert readiness(app)["degraded"] == ""
    starts = server.starts
    with load(app) as answers:
        until(lambda: len(answers) > CALLERS)
        os.kill(process_of(server), number)
        struck = time.monotonic()
        noticed = until(lambda: readiness(app)["degraded"], notice)
        state = readiness(app)
        assert reason in str(state["degraded"])
        assert (state["status"], state["mode"]) == ("ready", "model")
        enough = len(answers) + 20
        until(lambda: len(answers) >= enough)
        back = until(lambda: not readiness(app)["degraded"]) + noticed
    assert server.starts == starts + 1
    during = [answer for answer in answers if struck < answer.at < struck + back]
    print(
        f"\nvLLM, {number.name} under load: noticed after {noticed:.1f} s, back after {back:.1f} s, "
        f"{len(during)} answers meanwhile, {sum(answer.status != 200 for answer in answers)} failed"
    )
    assert {answer.status for answer in answers} == {200}
    assert len(during) >= 20
    assert {answer.route for answer in during} <= {"model", "rules", "unknown", "cache"}
    until(lambda: heard_in_full(app))
