"""Logs: JSON lines that hold metadata, the ids of the request, and nothing a library might have put into its words."""

import contextvars
import json
import logging
import threading
import warnings
from collections.abc import Callable

import pytest
import structlog

from mapper_serving import logs
from mapper_serving.tracing import Trace, Tracing

SECRET = "jane-canary-4711"


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str]) -> Callable[[], dict[str, object]]:
    """The only line logged since."""
    logs.configure("debug")

    def read() -> dict[str, object]:
        (line,) = capfd.readouterr().err.splitlines()
        found: dict[str, object] = json.loads(line)
        return found

    return read


def test_a_line_has_level_time_event_and_what_it_was_given(logged: Callable[[], dict[str, object]]) -> None:
    structlog.get_logger("any").info("release.serving", release="abc")
    line = logged()
    assert {"event": "release.serving", "release": "abc", "level": "info"}.items() <= line.items()
    assert "timestamp" in line


def test_within_a_request_it_has_the_ids_of_the_answer(logged: Callable[[], dict[str, object]]) -> None:
    def answer() -> Trace:
        trace = Tracing().begin([])
        structlog.get_logger("any").info("happened")
        return trace

    trace = contextvars.copy_context().run(answer)
    line = logged()
    assert (line["trace_id"], line["request_id"]) == (trace.trace_id, trace.request_id)


def test_an_error_is_logged_by_type_and_place(logged: Callable[[], dict[str, object]]) -> None:
    try:
        raise RuntimeError(SECRET)
    except RuntimeError as error:
        structlog.get_logger("any").error("failed", exc_info=error)
    line = logged()
    assert line["error"] == "RuntimeError"
    assert "test_logs.py" in str(line["at"])
    assert SECRET not in str(line)


@pytest.mark.parametrize(
    ("logger", "message", "arguments", "event"),
    [
        ("httpx", "HTTP Request: %s", (SECRET,), "HTTP Request: %s"),
        ("opentelemetry.trace.span", "Invalid key/value pair (%s, %s) found.", (SECRET, SECRET), None),
        ("asyncio", f"Task exception was never retrieved\nfuture: <Task {SECRET}>", (), logs.WITHHELD),
        ("uvicorn.error", "Started server process [%d]", (7,), "Started server process [7]"),
        ("opentelemetry.exporter.otlp", "Failed with %s", (503,), "Failed with 503"),
    ],
)
def test_of_a_librarys_message_the_template_is_logged_but_where_it_knows_of_no_input(
    logged: Callable[[], dict[str, object]], logger: str, message: str, arguments: tuple[object, ...], event: str | None
) -> None:
    logging.getLogger(logger).error(message, *arguments)
    line = logged()
    assert (line["event"], line["logger"]) == (event or message, logger)
    assert SECRET not in str(line)


def test_what_a_library_fails_with_is_logged_by_type_and_place(logged: Callable[[], dict[str, object]]) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("asyncio").exception("%s", SECRET)
    line = logged()
    assert line["error"] == "ValueError"
    assert SECRET not in str(line)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_warnings_and_errors_that_end_a_thread_are_logged_without_their_messages(
    capfd: pytest.CaptureFixture[str],
) -> None:
    logs.configure("debug")
    before = threading.excepthook
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)  # where somebody captured them before, a second time would change nothing
        try:
            logs.capture_the_rest()
            warnings.warn(SECRET, stacklevel=1)
            failing = threading.Thread(target=lambda: int(SECRET), name="worker")
            failing.start()
            failing.join()
        finally:
            logging.captureWarnings(False)
            threading.excepthook = before
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == [logs.WITHHELD, "thread.failed"]
    assert (lines[1]["thread"], lines[1]["error"]) == ("worker", "ValueError")
    assert SECRET not in str(lines)
