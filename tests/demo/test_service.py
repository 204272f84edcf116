"""One day's traffic through the real service in a process of its own, in rules mode."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo import canary, service, traffic
from demo.evidence import stored_events
from demo.failure import DemoFailed
from demo.plan import Day
from mapper_domain.layout import Layout
from mapper_serving.identity import keys

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Outcome:
    first: tuple[traffic.Sent, ...]
    second: tuple[traffic.Sent, ...]
    said: list[str]
    root: Path

    @property
    def layout(self) -> Layout:
        return Layout(self.root / "artifacts")


@pytest.fixture(scope="module")
def outcome(day: Day, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The day was sent, and sent again; then the service was stopped."""
    root = tmp_path_factory.mktemp("demo")
    content, key = keys.issue(keys.KeyFile(), day.tenant, keys.StoredTenant(hmac_key=secrets.token_hex(32)), days=1)
    keys.write(root / "keys.yaml", content)
    settings = {
        "MAPPER_ROOT": str(ROOT),
        "MAPPER_ARTIFACTS": str(root / "artifacts"),
        "MAPPER_KEYS": str(root / "keys.yaml"),
    }
    said: list[str] = []
    with service.running(settings, root / "service.log", said.append) as client:
        first, second = (
            traffic.send(client, {day.tenant: key}, day.requests, root / "sent.jsonl", said.append) for _ in range(2)
        )
    return Outcome(first, second, said, root)


def test_every_request_became_an_event_or_a_counted_refusal(outcome: Outcome, day: Day) -> None:
    assert {sent.key for sent in outcome.first} == {request.key for request in day.requests}
    refused = {sent.key.rsplit("/", 1)[1]: sent.problem for sent in outcome.first if sent.problem}
    assert refused == {
        "refused-0": "malformed-json",
        "refused-1": "invalid-request",
        "refused-2": "not-utf8",
        "refused-3": "unreadable-output",
        "refused-4": "tenant-mismatch",
    }


def test_nothing_is_sent_twice(outcome: Outcome) -> None:
    assert outcome.first
    assert outcome.second == ()


def test_every_acknowledged_event_was_shipped_when_the_service_stopped(outcome: Outcome, day: Day) -> None:
    stored = stored_events(outcome.layout, [(day.tenant, day.day)])
    assert set(stored["event_id"]) == {sent.event_id for sent in outcome.first if sent.event_id}


def test_no_invented_value_was_stored_or_logged(outcome: Outcome, day: Day) -> None:
    assert canary.leaks([outcome.root], day.planted) == ()


def test_the_same_search_finds_an_event_that_was_stored(outcome: Outcome) -> None:
    event_id = next(sent.event_id for sent in outcome.first if sent.event_id)
    assert any(path.suffix == ".parquet" for path in canary.leaks([outcome.root], {event_id}))


def test_progress_says_what_was_accepted_and_refused(outcome: Outcome, day: Day) -> None:
    assert outcome.said[-1] == f"{day.tenant} {day.day}: {len(day.requests) - 5} events accepted, 5 requests refused"


def test_a_service_that_cannot_begin_is_reported_with_its_log(tmp_path: Path) -> None:
    settings = {"MAPPER_ROOT": str(tmp_path / "empty"), "MAPPER_ARTIFACTS": str(tmp_path / "artifacts")}
    with (
        pytest.raises(DemoFailed, match=r"ended by itself.*service\.log"),
        service.running(settings, tmp_path / "service.log", print),
    ):
        pytest.fail("it must not become ready")
