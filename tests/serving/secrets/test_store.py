"""How values of secrets stay fresh: read again as they age, kept where that fails."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from mapper_serving.secrets.local import read_environment, read_file
from mapper_serving.secrets.references import Reference, SecretUnavailable, SourceName
from mapper_serving.secrets.store import RETRY_SECONDS, Secrets

TTL = 60.0


class Shelf:
    """A source whose one secret can be changed or taken away, and whose clock stands still until told otherwise.

    Attributes:
        gate: reads wait until it is set.
    """

    def __init__(self, value: str | None = "first") -> None:
        self.value = value
        self.reads = 0
        self.now = 0.0
        self.failures: list[SourceName] = []
        self.gate = threading.Event()
        self.gate.set()
        self.secrets = Secrets(
            {"env": self.read}, ttl_seconds=TTL, on_failure=self.failures.append, clock=lambda: self.now
        )

    def read(self, reference: Reference) -> str:
        self.reads += 1
        value = self.value
        assert self.gate.wait(30)
        if value is None:
            raise SecretUnavailable(f"{reference} is gone.")
        return value

    def get(self) -> str:
        return self.secrets.get("env:NAME")


def test_a_value_is_read_once_until_it_is_old_and_then_followed() -> None:
    shelf = Shelf()
    assert [shelf.get(), shelf.get()] == ["first", "first"]
    shelf.value = "second"
    assert (shelf.get(), shelf.reads) == ("first", 1)
    shelf.now = TTL
    assert (shelf.get(), shelf.reads) == ("second", 2)


def test_the_last_good_value_stands_while_reading_fails_and_each_failure_is_counted() -> None:
    shelf = Shelf()
    shelf.get()
    shelf.value, shelf.now = None, TTL
    assert [shelf.get(), shelf.get()] == ["first", "first"]
    assert (shelf.failures, shelf.reads) == (["env"], 2)
    shelf.now += RETRY_SECONDS
    assert (shelf.get(), shelf.failures) == ("first", ["env", "env"])
    shelf.value, shelf.now = "second", shelf.now + RETRY_SECONDS
    assert shelf.get() == "second"


def test_a_secret_that_was_never_there_is_an_error_and_is_not_asked_for_without_pause() -> None:
    shelf = Shelf(None)
    for _ in range(3):
        with pytest.raises(SecretUnavailable, match="env:NAME is gone"):
            shelf.get()
    assert shelf.reads == 1
    shelf.value, shelf.now = "late", RETRY_SECONDS
    assert shelf.get() == "late"


def test_while_one_thread_reads_again_the_others_get_the_value_it_had() -> None:
    shelf = Shelf()
    shelf.get()
    shelf.value, shelf.now = "second", TTL
    shelf.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(shelf.get)
        while shelf.reads < 2:
            threading.Event().wait(0.01)
        assert shelf.get() == "first"
        shelf.gate.set()
        assert reading.result() == "second"


def test_many_threads_that_ask_first_cause_one_read() -> None:
    shelf = Shelf()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: shelf.get(), range(32))) == {"first"}
    assert shelf.reads == 1


def test_a_source_nobody_set_up_is_an_error() -> None:
    with pytest.raises(SecretUnavailable):
        Secrets({}, ttl_seconds=TTL).get("file:/etc/hostname")


def test_no_value_is_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    shelf = Shelf("hunter2")
    shelf.get()
    for value in ("hunter3", None):
        shelf.value, shelf.now = value, shelf.now + TTL
        shelf.get()
    captured = capfd.readouterr()
    assert "hunter" not in caplog.text + captured.out + captured.err
    assert "hunter" not in repr(shelf.secrets)


def test_a_file_is_followed_and_its_last_line_break_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(" pass word\n\n")
    reference = Reference(source="file", name=str(path))
    assert read_file(reference) == " pass word\n"
    for content in (b"", b"\n", b"\xff"):
        path.write_bytes(content)
        with pytest.raises(SecretUnavailable, match="password"):
            read_file(reference)
    path.unlink()
    with pytest.raises(SecretUnavailable, match="FileNotFoundError"):
        read_file(reference)


def test_a_variable_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = Reference(source="env", name="MAPPER_TEST_SECRET")
    monkeypatch.setenv("MAPPER_TEST_SECRET", "value")
    assert read_environment(reference) == "value"
    monkeypatch.setenv("MAPPER_TEST_SECRET", "")
    with pytest.raises(SecretUnavailable, match="MAPPER_TEST_SECRET"):
        read_environment(reference)


def test_secrets_are_filled_into_urls_so_that_they_cannot_change_what_the_url_says() -> None:
    shelf = Shelf("p@ss/w:rd?#%")
    filled = shelf.secrets.fill("postgresql://mapper:{env:NAME}@db.internal:5432/mapper?sslmode=verify-full")
    parts = urlsplit(filled)
    assert unquote(parts.password or "") == "p@ss/w:rd?#%"
    assert (parts.username, parts.hostname, parts.port, parts.path) == ("mapper", "db.internal", 5432, "/mapper")
    assert parts.query == "sslmode=verify-full"


def test_a_url_without_a_reference_stays_as_it_is() -> None:
    url = "https://{user}:a%7Benv@host/{env:}?x={}"
    assert Shelf().secrets.fill(url) == url
