"""What a canary's answer has to be to count as one, whatever goes wrong with it: the stable release answers instead."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from mapper_domain.catalog import Catalog
from mapper_serving.bodies import MapRequest
from mapper_serving.identity.principal import Tenant
from mapper_serving.outbox.rows import Event
from mapper_serving.problems import Code, Refusal
from mapper_serving.releases.canary import Bounds, Passed
from mapper_serving.releases.routing import Routing
from mapper_serving.releases.trials import Answered, Trials
from mapper_serving.state import Serving, rules_only
from mapper_serving.telemetry import Metrics

NOW = datetime(2026, 11, 23, tzinfo=UTC)
GOOD = (
    '{"taxonomy":["PII.Identifier.SSN"],"scores":{"PII.Identifier.SSN":1.0},"confidence":1.0,"notes":"",'
    '"provenance":{"vendor":"","detector":"presidio","detector_version":"","raw_ref":"","route":"rules","model":"m",'
    '"tenant_id":"acme","ts":"2026-11-23T00:00:00Z"},"policy_context":{"expected_detectors":[],"environment":"prod"}}'
)


class FakeMapper:
    """Stands in for a mapper: every output becomes this event, unless an error is to be raised."""

    def __init__(self, event: str = GOOD, error: Exception | None = None) -> None:
        self._event = event
        self._error = error

    async def map(
        self, request: MapRequest, tenant: Tenant, serving: Serving, *, deadline: float, now: datetime
    ) -> tuple[Event, ...]:
        """As `Mapper.map`."""
        if self._error is not None:
            raise self._error
        return (Event(tenant.id, "2026-11-23", "0", "{}", self._event),)


class FakeReleases:
    """Stands in for the releases in service: notes which canary has to go."""

    def __init__(self) -> None:
        self.stopped: list[Passed] = []

    def stop_canary(self, canary: Serving, passed: Passed) -> None:
        """As `Releases.stop_canary`."""
        self.stopped.append(passed)


@pytest.fixture
def routing(catalog: Catalog) -> Routing:
    """A canary that answers everything."""
    stable, other = rules_only(catalog), rules_only(catalog)
    versions = other.versions.model_copy(update={"release": "canary"})
    canary = Serving(catalog=catalog, rules=other.rules, versions=versions, words=other.words)
    return Routing(stable, canary, 1.0)


@pytest.fixture
def tried(routing: Routing) -> Callable[..., tuple[Answered, FakeReleases]]:
    """Maps one output with mappers of your choice; every canary is judged by its first output."""

    def map_one(canary: FakeMapper, stable: FakeMapper | None = None) -> tuple[Answered, FakeReleases]:
        releases = FakeReleases()
        bounds = Bounds(least=1, error=0.0, invalid=0.0, fallback=0.0)
        trials = Trials(stable or FakeMapper(), canary, releases, Metrics(), bounds)  # type: ignore[arg-type]
        request = MapRequest.model_construct(detector="presidio", output="US_SSN")
        tenant = Tenant.model_construct(id="acme")
        return asyncio.run(trials.map(request, tenant, routing, deadline=0.0, now=NOW)), releases

    return map_one


def test_a_good_answer_of_the_canary_is_the_answer(
    routing: Routing, tried: Callable[..., tuple[Answered, FakeReleases]]
) -> None:
    answered, releases = tried(FakeMapper())
    assert answered.serving is routing.canary
    assert releases.stopped == []


@pytest.mark.parametrize(
    ("canary", "bound"),
    [
        (FakeMapper(error=ZeroDivisionError("an error of some library")), "error"),
        (FakeMapper(error=Refusal(Code.UNREADABLE_OUTPUT, "It reads it in another way.")), "error"),
        (FakeMapper(GOOD.replace("PII.Identifier.SSN", "PII.Identifier.Invented")), "invalid"),
        (FakeMapper(GOOD.replace('"confidence":1.0', '"confidence":1.5')), "invalid"),
        (FakeMapper(GOOD.replace('"notes"', '"opinion"')), "invalid"),
        (FakeMapper("{"), "invalid"),
    ],
    ids=["raises", "refuses", "unknown label", "impossible number", "another field", "no JSON"],
)
def test_where_it_is_none_the_stable_release_answers_and_the_canary_is_charged(
    routing: Routing, tried: Callable[..., tuple[Answered, FakeReleases]], canary: FakeMapper, bound: str
) -> None:
    answered, releases = tried(canary)
    assert answered.serving is routing.stable
    assert [event.event for event in answered.events] == [GOOD]
    assert [passed.bound for passed in releases.stopped] == [bound]


def test_what_both_refuse_is_the_callers_fault(
    routing: Routing, tried: Callable[..., tuple[Answered, FakeReleases]]
) -> None:
    refusal = Refusal(Code.UNREADABLE_OUTPUT, "It is not its shape.")
    with pytest.raises(Refusal):
        tried(FakeMapper(error=refusal), FakeMapper(error=refusal))
    assert routing.canary is not None
    assert routing.canary.tally.counts() == {}
