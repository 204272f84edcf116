"""Swaps under load: nothing dropped, nothing mixed, and replicas that follow one pointer agree."""

import http.client
import json
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import uvicorn
from release_maker import make_base
from serving_app import REPOSITORY, App, rows_of, running_app, write_keys
from swapping import UNSEEN, Engines, Maker, point, readiness, serves, trial, wait_until

from mapper_domain.catalog import Catalog, load
from mapper_domain.layout import Layout
from mapper_domain.release import Canary
from mapper_serving import logs
from mapper_serving.app import create_app
from mapper_serving.settings import Settings
from mapper_serving.state import rules_only

pytestmark = pytest.mark.slow
logs.configure("error")

CALLERS = 16
SWAPS, ROLLBACKS = 10, 2
QUICK = {"release_poll_seconds": 0.05, "release_retry_seconds": 0.05}


class Version(NamedTuple):
    """A release, and what gives it away: its model's label, its catalogue's label, the catalogue's hash."""

    release: str
    says: str
    maps: str
    catalog: str


class Answer(NamedTuple):
    """What a caller got: releases and label of header, event and body."""

    status: int
    header: str
    model: str
    asked: str
    label: str


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, list[Version]]:
    """Three releases that differ in model and catalogue."""
    layout = Layout(tmp_path_factory.mktemp("swaps"))
    made = []
    for says, maps in (
        ("JAILBREAK.Attempt", "HARM.SPEECH.Toxicity"),
        ("HARM.SPEECH.Threat", "HARM.SPEECH.Insult"),
        ("PII.Contact.Email", "HARM.SPEECH.Hate.Other"),
    ):
        root = layout.root / "roots" / maps
        for name in ("taxonomy", "detectors", "frameworks"):
            shutil.copytree(REPOSITORY / name, root / name)
        marker = f'detector: swap-marker\nversion: "v1"\nmaps: {{marker: {maps}}}\n'
        (root / "detectors" / "swap-marker.yaml").write_text(marker)
        catalog = load(root)
        made.append(Version(Maker(layout, catalog, root)(says), says, maps, catalog.sha256))
    return layout, made


@contextmanager
def served(settings: Settings, catalog: Catalog, engines: Engines) -> Iterator[int]:
    """The service on a port of its own, over real HTTP."""
    app = create_app(settings, first=rules_only(catalog), open_engine=engines)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield int(server.servers[0].sockets[0].getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()


class Callers:
    """Sixteen callers who map a label of the catalogue and one of the model in turn, without a pause."""

    def __init__(self, port: int, key: dict[str, str]) -> None:
        self.answers: list[Answer] = []
        self.broken: list[str] = []
        self._going = True
        self._port = port
        self._headers = {**key, "Content-Type": "application/json"}
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let every caller get its last answer."""
        self._going = False
        for thread in self._threads:
            thread.join()

    def _call(self, caller: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        number = 0
        while self._going:
            number += 1
            sent: dict[str, object] = {"detector": "swap-marker", "output": "marker"}
            if number % 2:
                description = {"description": f"caller {caller}, question {number}"}
                sent = {"detector": "presidio", "output": UNSEEN, "metadata": description}
            try:
                connection.request("POST", "/v1/map", json.dumps(sent), self._headers)
                response = connection.getresponse()
                event = json.loads(response.read())
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(repr(error))
                return
            if response.status != 200:
                self.broken.append(f"{response.status} {event}")
                continue
            header = str(response.getheader("X-Release"))
            asked = str(sent["detector"])
            (label,) = event["taxonomy"]
            self.answers.append(Answer(response.status, header, event["provenance"]["model"], asked, label))


def test_ten_swaps_and_two_rollbacks_under_load_drop_nothing_and_mix_nothing(
    versions: tuple[Layout, list[Version]], catalog: Catalog, tmp_path: Path
) -> None:
    layout, made = versions
    by_release = {version.release: version for version in made}
    key, _ = write_keys(tmp_path / "keys.yaml")
    make_base(Layout(tmp_path))
    settings = Settings.model_validate(
        {
            "root": REPOSITORY,
            "artifacts": tmp_path,
            "keys": tmp_path / "keys.yaml",
            "releases": str(layout.releases),
            "deadline_seconds": 30.0,
            "rate_limit_key": 0,
            "rate_limit_tenant": 0,
            "rate_limit_ip": 0,
            **QUICK,
        }
    )
    engines = Engines()
    order = [made[number % 3] for number in range(1, SWAPS + 1)]
    back = [order[-2], order[-1]][:ROLLBACKS]
    point(layout, made[0].release)
    with served(settings, catalog, engines) as port:
        wait_until(lambda: release_at(port) == made[0].release, seconds=60)
        callers = Callers(port, key)
        started = time.monotonic()
        for version in (*order, *back):
            seen = len(callers.answers)
            point(layout, version.release)
            wait_until(
                lambda: any(a.header == version.release for a in callers.answers[seen:]) or bool(callers.broken),  # noqa: B023
                seconds=120,
            )
        callers.stop()
        seconds = time.monotonic() - started
        wait_until(lambda: len(engines.alive) == 1)
    answers = callers.answers
    sys.stdout.write(
        f"{len(answers)} requests in {seconds:.0f} s from {CALLERS} callers over {SWAPS} swaps and {ROLLBACKS} "
        f"rollbacks: {len(callers.broken)} dropped, {sum(mixed(a, by_release) for a in answers)} mixed; "
        f"{engines.opened} engines opened, 1 left\n"
    )
    assert callers.broken == []
    assert [answer for answer in answers if mixed(answer, by_release)] == []
    assert {answer.header for answer in answers} == set(by_release)
    rows = rows_of(Layout(tmp_path).events, "acme")
    assert len(rows) == len(answers)
    assert {(row["release"], row["catalog_sha256"]) for row in rows} == {(v.release, v.catalog) for v in made}
    assert Counter(row["release"] for row in rows) == Counter(answer.header for answer in answers)


def release_at(port: int) -> str:
    """The stable release of the replica at a port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/readyz")
    return str(json.loads(connection.getresponse().read())["release"])


def mixed(answer: Answer, by_release: dict[str, Version]) -> bool:
    """Whether header, event and label of an answer are not all from one release."""
    version = by_release.get(answer.header)
    if version is None or answer.model != answer.header:
        return True
    return answer.label != (version.maps if answer.asked == "swap-marker" else version.says)


def test_two_replicas_with_one_pointer_converge_and_choose_the_same_canary_for_the_same_words(
    versions: tuple[Layout, list[Version]], catalog: Catalog, tmp_path: Path
) -> None:
    layout, made = versions
    words = [f"some_label_{number}" for number in range(30)]
    place = {"releases": str(layout.releases), **QUICK}
    for name in ("one", "other"):
        make_base(Layout(tmp_path / name))
    with (
        running_app(tmp_path / "one", rules_only(catalog), open_engine=Engines(), **place) as one,
        running_app(tmp_path / "other", rules_only(catalog), open_engine=Engines(), **place) as other,
    ):
        for version in (*made, made[0]):
            moved = time.monotonic()
            point(layout, version.release)
            for replica in (one, other):
                wait_until(serves(replica, version.release), seconds=60)
            sys.stdout.write(f"two replicas converged after {time.monotonic() - moved:.1f} s\n")
        point(layout, made[0].release, canary=Canary(release=made[1].release, share=0.5))
        for replica in (one, other):
            wait_until(lambda: trial(replica, "canary").get("state") == "serving", seconds=60)  # noqa: B023
        first, second = (choices(replica, words) for replica in (one, other))
        assert first == second
        assert set(first) == {made[0].release, made[1].release}
        point(layout, "0123456789abcdef")
        for replica in (one, other):
            wait_until(lambda: bool(readiness(replica)["refused"]), seconds=60)  # noqa: B023
            assert readiness(replica)["release"] == made[0].release


def choices(app: App, words: list[str]) -> list[str]:
    """Which release answers each of these labels."""
    return [app.map("presidio", word).headers["X-Release"] for word in words]
