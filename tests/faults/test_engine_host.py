"""Two workers ask one engine host: one adapter in memory, killed under load without loss, and back by itself."""

import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import fake_vllm
import pytest
from release_maker import make_release, point_at
from serving_app import REPOSITORY, write_keys
from several_workers import Service, children, command, wait_until

from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust, decide
from mapper_domain.layout import Layout
from mapper_domain.question import Question
from mapper_domain.rules import RuleMapper
from mapper_domain.voices import Opinion, fuse
from mapper_model.retriever import Retriever
from mapper_model.scorer import LabelScorer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks processes up in /proc"),
]

CALLERS = 4
WORDS = ("spear_phishing_lure", "us_driving_licence_scan", "wire_transfer_request", "insulting_nickname", "old_recipe")
ANSWERED = 'mapper_model_calls_total{outcome="answered"}'
_numbers = count()


@pytest.fixture
def layout(tmp_path: Path, base_model: Path) -> Layout:
    """A fresh artefact root with the real base model in it."""
    layout = Layout(tmp_path)
    layout.base_model(base_model.name).parent.mkdir(parents=True)
    layout.base_model(base_model.name).symlink_to(base_model)
    return layout


@pytest.fixture
def release(
    layout: Layout, base_model: Path, tiny_adapter: Path, tiny_retriever: Path, catalog: Catalog
) -> Callable[[int], str]:
    """Makes releases of real voices, all of the same ones."""
    return lambda seed: make_release(
        layout, REPOSITORY, tiny_adapter, tiny_retriever, base_model, catalog=catalog, seed=seed
    )


@pytest.fixture
def start(layout: Layout) -> Iterator[Callable[..., Service]]:
    """Starts the service; both of its workers serve the release the pointer names."""
    started: list[Service] = []

    def begin(**settings: str) -> Service:
        headers, _ = write_keys(layout.root / "keys.yaml")
        more = {"DEADLINE_SECONDS": "30", "RELEASE_POLL_SECONDS": "0.2", "LOG_LEVEL": "info", **settings}
        service = Service(layout.root, headers, **more)
        started.append(service)
        wait_until(lambda: swaps(service) == 2)
        return service

    yield begin
    for service in started:
        service.process.kill()
        service.process.wait()
        print(f"\n{events(service)}")


def swaps(service: Service) -> float:
    """How often a worker has taken a release into service."""
    return service.metric("mapper_release_swaps_total")


def events(service: Service) -> Counter[str]:
    """How often each event was logged by any of its processes."""
    found: Counter[str] = Counter()
    for line in service.log.read_text().splitlines():
        try:
            found[json.loads(line)["event"]] += 1
        except (ValueError, KeyError, TypeError):
            found["(no JSON)"] += 1
    return found


def unseen() -> str:
    """A label nobody has asked for, so that nothing is remembered of it."""
    number = next(_numbers)
    return f"{WORDS[number % len(WORDS)]} number {number}"


def memory(process: int) -> int:
    """Bytes of memory a process has for itself: without libraries and files, which it shares."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]) * 1024


@contextmanager
def load(service: Service) -> Iterator[list[int]]:
    """Statuses of callers who ask about one new label after the other, until the block ends."""
    statuses: list[int] = []
    stop = threading.Event()

    def call() -> None:
        while not stop.is_set():
            try:
                statuses.append(service.map(unseen()))
            except OSError:
                statuses.append(0)

    callers = [threading.Thread(target=call) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield statuses
    finally:
        stop.set()
        for caller in callers:
            caller.join()


def more(statuses: list[int], enough: int) -> None:
    """Return when so many more requests were answered."""
    goal = len(statuses) + enough
    wait_until(lambda: len(statuses) >= goal)


def degraded(service: Service) -> set[str]:
    """What is the matter with the model, as a dozen looks at whichever worker answers tell."""
    return {str(service.readiness()["degraded"]) for _ in range(12)}


def test_one_process_has_the_adapter_and_every_caller_gets_his_own_answer(
    layout: Layout,
    release: Callable[[int], str],
    start: Callable[..., Service],
    base_model: Path,
    tiny_adapter: Path,
    tiny_retriever: Path,
    catalog: Catalog,
) -> None:
    first, second = release(1), release(2)
    point_at(layout, first)
    service = start()
    (host,) = service.hosts
    weights = sum(file.stat().st_size for file in base_model.glob("*.safetensors"))
    mine, theirs = memory(host), [memory(worker) for worker in service.workers]
    print(f"\nweights {weights >> 20} MiB; host {mine >> 20}, workers {[bytes_ >> 20 for bytes_ in theirs]}")
    assert mine > weights
    assert max(theirs) < mine - weights / 2
    assert events(service)["adapter.opened"] == 1
    labels = [unseen() for _ in range(10)]
    with ThreadPoolExecutor(len(labels)) as callers:
        bodies = [json.dumps({"detector": "presidio", "output": label}) for label in labels]
        replies = list(callers.map(lambda body: service.ask("POST", "/v1/map", body), bodies))
    names = [label.name for label in catalog.taxonomy.labels]
    adapter, retriever = LabelScorer.load(base_model, tiny_adapter, names), Retriever.load(tiny_retriever)
    rules = RuleMapper(catalog)
    for label, (status, body) in zip(labels, replies, strict=True):
        question = Question(detector="presidio", label=label, kind="pii")
        opinion: Opinion = {
            "adapter": adapter.score([question.instruction])[0],
            "retriever": retriever.score([question])[0],
        }
        expected = decide(rules.find("presidio", label), fuse(opinion, Trust().weights), trust=Trust())
        event = json.loads(body)
        assert (status, event["taxonomy"]) == (200, list(expected.labels))
        assert event["confidence"] == pytest.approx(expected.confidence, abs=1e-3)
    assert service.metric(ANSWERED) >= len(labels)
    with load(service) as statuses:
        point_at(layout, second)
        wait_until(lambda: events(service)["adapter.closed"] == 1)
        more(statuses, 10)
    assert swaps(service) == 4
    assert events(service)["adapter.opened"] == 2
    assert set(statuses) == {200}


def test_a_host_killed_under_load_loses_no_request_and_is_back_without_a_restart(
    layout: Layout, release: Callable[[int], str], start: Callable[..., Service]
) -> None:
    point_at(layout, release(1))
    service = start()
    (host,), workers = service.hosts, set(service.workers)
    assert degraded(service) == {""}
    with load(service) as statuses:
        more(statuses, CALLERS)
        os.kill(host, signal.SIGKILL)
        wait_until(lambda: degraded(service) > {""} or "" not in degraded(service))
        assert service.ready
        assert service.readiness()["mode"] == "model"
        more(statuses, 20)
        wait_until(lambda: degraded(service) == {""})
        answered = service.metric(ANSWERED)
        wait_until(lambda: service.metric(ANSWERED) > answered + 2 * CALLERS)
    print(f"\n{len(statuses)} requests: {Counter(statuses)}")
    assert set(statuses) == {200}
    assert service.metric('mapper_fallbacks_total{reason="error"}') > 0
    assert set(service.workers) == workers
    assert (swaps(service), events(service)["adapter.opened"]) == (2, 2)


def test_a_worker_that_dies_leaves_the_adapter_to_the_others(
    layout: Layout, release: Callable[[int], str], start: Callable[..., Service]
) -> None:
    point_at(layout, release(1))
    service = start()
    killed = service.workers[0]
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: killed not in service.workers and len(service.workers) == 2)
    wait_until(lambda: swaps(service) == 3)
    assert (events(service)["adapter.opened"], events(service)["adapter.closed"]) == (1, 0)
    processes = [*service.hosts, *service.workers]
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(timeout=120) == 0
    assert not [pid for pid in processes if command(pid)]


def test_two_workers_start_one_vllm_which_ends_with_them(
    layout: Layout, release: Callable[[int], str], start: Callable[..., Service]
) -> None:
    python, script = layout.root / "python", f'#!/bin/sh\nshift 2\nexec {sys.executable} {fake_vllm.__file__} "$@"\n'
    python.write_text(script)
    python.chmod(0o755)
    point_at(layout, release(1))
    service = start(ENGINE="vllm", VLLM_PYTHON=str(python), VLLM_MEMORY_BYTES="1")
    (host,) = service.hosts
    (leash,) = children(host)
    (server,) = children(leash)
    assert b"fake_vllm" in command(server)
    with load(service) as statuses:
        wait_until(lambda: service.metric(ANSWERED) > CALLERS)
        python.write_text("#!/bin/sh\nexit 1\n")
        os.kill(server, signal.SIGKILL)
        wait_until(lambda: any("vLLM ended" in problem for problem in degraded(service)))
        python.write_text(script)
        wait_until(lambda: degraded(service) == {""})
    assert set(statuses) == {200}
    assert service.hosts == [host]
    ((server,),) = [children(leash) for leash in children(host)]
    service.process.kill()
    service.process.wait()
    wait_until(lambda: not command(host) and not command(server))
