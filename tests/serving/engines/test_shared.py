"""Workers share what the engine host holds, get their own answers, and do without it while it is away."""

import asyncio
import socket
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from engine_hosts import LABELS, FakeOpener, first_choice, hosted, instruction, parts, told
from serving_app import FakeScorer

from mapper_domain.errors import EngineError, EngineOverloaded, EngineTimeout, ReleaseMismatch
from mapper_serving import tracing
from mapper_serving.engines import link
from mapper_serving.engines.base import Parts
from mapper_serving.engines.duo import Adapter
from mapper_serving.engines.shared import SharedOpener
from mapper_serving.engines.wire import packed
from mapper_serving.tracing import Tracing

SECRET = "what_a_caller_sent"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine"


@pytest.fixture
def worker(path: Path) -> Iterator[Callable[[], SharedOpener]]:
    """Makes openers as workers have them, each with a connection of its own."""
    with ExitStack() as open_ones:

        def begin() -> SharedOpener:
            opener = SharedOpener(str(path))
            open_ones.callback(opener.close)
            return opener

        yield begin


Worker = Callable[[], SharedOpener]


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_workers_share_one_adapter_of_a_release_which_goes_with_the_last(path: Path, worker: Worker) -> None:
    scorers: list[weakref.ref[FakeScorer]] = []

    def make(wanted: Parts) -> FakeScorer:
        scorer = FakeScorer(wanted.labels)
        scorers.append(weakref.ref(scorer))
        return scorer

    opener = FakeOpener(make)
    with hosted(path, opener):
        first, second = worker().adapter(parts(1)), worker().adapter(parts(1))
        other = worker().adapter(parts(2))
        assert opener.opened == 2
        asyncio.run(first.close())
        assert first_choice(told(second, "a")[0]) == "OTHER.Unknown"
        assert opener.closed == 0
        asyncio.run(second.close())
        until(lambda: opener.closed == 1 and scorers[0]() is None)
        assert first_choice(told(other, "a")[0]) == "OTHER.Unknown"
    assert opener.shut


def test_a_worker_that_ends_gives_back_what_it_had(path: Path, worker: Worker) -> None:
    opener = FakeOpener()
    with hosted(path, opener):
        leaving, staying = worker(), worker()
        leaving.adapter(parts())
        leaving.adapter(parts())
        adapter = staying.adapter(parts())
        leaving.close()
        assert first_choice(told(adapter, "a")[0]) == "OTHER.Unknown"
        assert opener.closed == 0
        staying.close()
        until(lambda: opener.closed == 1)
    assert opener.opened == 1


def test_ten_questions_of_two_workers_at_once_get_their_own_answers(path: Path, worker: Worker) -> None:
    says = {f"label_{number}": LABELS[number % len(LABELS)] for number in range(10)}
    gate = threading.Event()
    with hosted(path, FakeOpener(lambda wanted: FakeScorer(wanted.labels, says, gate=gate))):
        adapters = worker().adapter(parts()), worker().adapter(parts())

        async def ask() -> list[str]:
            deadline = asyncio.get_running_loop().time() + 30
            asked = [adapters[n % 2].ask(instruction(label), deadline) for n, label in enumerate(says)]
            answers = asyncio.gather(*asked)
            await asyncio.sleep(0.05)
            gate.set()
            return [first_choice(said) for said in await answers]

        assert asyncio.run(ask()) == list(says.values())


def test_numbers_are_those_of_the_adapter_itself(path: Path, worker: Worker) -> None:
    scorer = FakeScorer(LABELS, {"a": "OTHER.Safe"}, sure=0.7)
    with hosted(path, FakeOpener(lambda _wanted: scorer)):
        assert told(worker().adapter(parts()), "a") == scorer.score([instruction("a")])


def test_one_queue_bounds_the_questions_of_all_workers(path: Path, worker: Worker) -> None:
    gate = threading.Event()
    scorer = FakeScorer(LABELS, gate=gate)
    with hosted(path, FakeOpener(lambda _wanted: scorer, queue=1)):
        one, other = worker().adapter(parts()), worker().adapter(parts())
        answers: list[object] = []
        asking = threading.Thread(target=lambda: answers.extend(told(one, "a")))
        asking.start()
        until(lambda: scorer.questions)
        assert [type(said) for said in told(other, "b")] == [EngineOverloaded]
        gate.set()
        asking.join()
        assert [type(said) for said in answers] == [dict]


def test_a_late_adapter_is_not_waited_for_and_what_nobody_waits_for_is_not_computed(path: Path, worker: Worker) -> None:
    gate = threading.Event()
    scorer = FakeScorer(LABELS, gate=gate)
    with hosted(path, FakeOpener(lambda _wanted: scorer)):
        adapter = worker().adapter(parts())
        assert [type(said) for said in told(adapter, "a", seconds=0.05)] == [EngineTimeout]
        assert [type(said) for said in told(adapter, "b", seconds=0.05)] == [EngineTimeout]
        assert [type(said) for said in told(adapter, "c", seconds=0)] == [EngineTimeout]

        async def give_up() -> None:
            asking = asyncio.create_task(adapter.ask(instruction("d"), asyncio.get_running_loop().time() + 30))
            await asyncio.sleep(0.05)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)

        asyncio.run(give_up())
        time.sleep(0.2)
        gate.set()
        assert first_choice(told(adapter, "e")[0]) == "OTHER.Unknown"
        assert scorer.questions == [instruction("a"), instruction("e")]


def test_a_failure_is_told_by_its_kind_and_never_with_the_question(path: Path, worker: Worker) -> None:
    def fail(question: str) -> None:
        raise RuntimeError(f"no memory for {question}")

    with hosted(path, FakeOpener(lambda wanted: FakeScorer(wanted.labels, fails=fail))):
        (said,) = told(worker().adapter(parts()), SECRET)
        assert type(said) is EngineError
        assert str(said) == "The adapter failed with RuntimeError."


def test_an_adapter_that_does_not_fit_is_refused_in_the_hosts_words(path: Path, worker: Worker) -> None:
    def make(wanted: Parts) -> FakeScorer:
        raise ReleaseMismatch("The adapter does not answer.") if wanted.manifest.seed else ZeroDivisionError("library")

    with hosted(path, FakeOpener(make)):
        one = worker()
        with pytest.raises(ReleaseMismatch, match=r"^The adapter does not answer\.$"):
            one.adapter(parts(1))
        with pytest.raises(ReleaseMismatch, match="ZeroDivisionError while the adapter was opened"):
            one.adapter(parts(0))


def test_why_an_adapter_answers_with_less_is_told(path: Path, worker: Worker) -> None:
    with hosted(path, FakeOpener(problem="Memory is short.")):
        adapter = worker().adapter(parts())
        until(lambda: adapter.problem == "Memory is short.")
        assert first_choice(told(adapter, "a")[0]) == "OTHER.Unknown"


def test_without_the_host_a_worker_says_so_and_has_its_adapters_again_with_the_next(path: Path, worker: Worker) -> None:
    opener = FakeOpener()
    with hosted(path, opener):
        adapters = [worker().adapter(parts()) for _ in range(2)]
        assert [adapter.problem for adapter in adapters] == ["", ""]
    for adapter in adapters:
        until(lambda adapter=adapter: adapter.problem == link.AWAY)  # type: ignore[misc]
        assert [str(said) for said in told(adapter, "a")] == [link.AWAY]
    with hosted(path, opener):
        until(lambda: [adapter.problem for adapter in adapters] == ["", ""])
        assert {first_choice(told(adapter, "a")[0]) for adapter in adapters} == {"OTHER.Unknown"}
    assert opener.opened == 2


def test_a_question_under_way_fails_at_once_when_the_host_ends(path: Path, worker: Worker) -> None:
    gate = threading.Event()
    scorer = FakeScorer(LABELS, gate=gate)
    answers: list[object] = []
    with hosted(path, FakeOpener(lambda _wanted: scorer)):
        adapter = worker().adapter(parts())
        asking = threading.Thread(target=lambda: answers.extend(told(adapter, "a", seconds=600)))
        asking.start()
        until(lambda: scorer.questions)
    asking.join(30)
    assert [str(said) for said in answers] == [link.AWAY]
    gate.set()


def test_a_worker_that_leaves_while_it_waits_for_an_adapter_is_told(path: Path, worker: Worker) -> None:
    one, found = worker(), []

    def wait() -> None:
        with pytest.raises(ReleaseMismatch, match="no more") as refused:
            one.adapter(parts())
        found.append(refused.value)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.1)
    one.close()
    waiting.join(30)
    assert len(found) == 1


def test_nobody_waits_for_ever_for_a_host_that_never_comes(
    path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mapper_serving.engines.wanted.START_SECONDS", 0.1)
    with pytest.raises(ReleaseMismatch, match="is away"):
        worker().adapter(parts())


def test_an_adapter_hosts_end_over_is_not_waited_for_any_more(path: Path, worker: Worker) -> None:
    with (
        made_up_host(path, lambda connection: connection.recv(1)),
        pytest.raises(ReleaseMismatch, match="3 engine hosts ended over this adapter"),
    ):
        worker().adapter(parts())


def test_a_host_that_says_nothing_more_is_not_asked(
    path: Path, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    over = threading.Event()

    def open_and_hang(connection: socket.socket) -> None:
        (length,) = struct.unpack("!I", connection.recv(4))
        connection.recv(length, socket.MSG_WAITALL)
        connection.sendall(packed("opened", 1))
        over.wait(30)

    monkeypatch.setattr(link, "SILENT_SECONDS", 0.1)
    with made_up_host(path, open_and_hang):
        adapter = worker().adapter(parts())
        until(lambda: adapter.problem == link.SILENT)
        assert [str(said) for said in told(adapter, "a")] == [link.SILENT]
        over.set()


@contextmanager
def made_up_host(path: Path, behave: Callable[[socket.socket], object]) -> Iterator[None]:
    """A host that treats every connection like this, then ends it."""
    over = threading.Event()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(0.1)

        def serve() -> None:
            while not over.is_set():
                try:
                    connection, _ = listener.accept()
                except TimeoutError:
                    continue
                with connection:
                    behave(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        over.set()
        thread.join()


def test_the_trace_of_a_request_goes_on_in_the_host(path: Path, worker: Worker) -> None:
    sent = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    found: list[dict[str, str]] = []

    class Tracer(FakeOpener):
        def adapter(self, parts: Parts) -> Adapter:
            adapter = super().adapter(parts)
            ask = adapter.ask

            async def traced(question: str, deadline: float, among: object = None) -> object:
                found.append(tracing.outgoing())
                return await ask(question, deadline)

            adapter.ask = traced  # type: ignore[method-assign,assignment]
            return adapter

    with hosted(path, Tracer()):
        adapter = worker().adapter(parts())

        async def ask() -> None:
            Tracing().begin([(name.encode(), value.encode()) for name, value in sent.items()])
            await adapter.ask(instruction("a"), asyncio.get_running_loop().time() + 30)

        asyncio.run(ask())
        told(adapter, "b")
    assert found == [sent, {}]
