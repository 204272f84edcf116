"""The service's Python client, synchronous and asynchronous.

    with Client("http://127.0.0.1:8080", key) as client:
        print(client.map("presidio", "US_SSN").event.taxonomy)

A call that may succeed later is made again, after the time the service asks for or with exponential backoff and
jitter. Calls that map carry an Idempotency-Key, so that one that was answered unheard is not recorded twice.
Needs the extra `client` only: no web framework, no settings.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Self, TypeVar, Unpack

import httpx
import stamina
from pydantic import JsonValue

from mapper_domain.events import EventRecord
from mapper_serving import client_calls as calls
from mapper_serving.answers import BatchAnswer, ProposalAnswer, RecordedEvent
from mapper_serving.client_calls import About, Call, CallFailed, Item, Label, Mapped, Unreachable
from mapper_serving.listings import DetectorList, EventPage, ReleaseList, TaxonomyAnswer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Retries:
    """How long a call is tried: attempts in all, and seconds in all."""

    attempts: int = 5
    seconds: float = 45.0


ONCE: Final = Retries(attempts=1)


class Client:
    """Calls the service and waits for its answer. Every method raises `CallFailed`: `Refused` or `Unreachable`."""

    def __init__(
        self,
        url: str,
        credential: str,
        *,
        timeout: float = 35.0,
        retries: Retries = Retries(),
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """A client.

        Args:
            url: of the service.
            credential: an API key or an access token.
            timeout: seconds one attempt may take.
            retries: how long a call is tried.
            transport: how requests are sent, if not over the network.
        """
        self._retries = retries
        self._http = httpx.Client(base_url=url, headers=_headers(credential), timeout=timeout, transport=transport)

    def __enter__(self) -> Self:
        """The client; closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def map(
        self, detector: str, output: JsonValue, *, idempotency_key: str | None = None, **about: Unpack[About]
    ) -> Mapped:
        """The event of one output."""
        return self._send(calls.map_one(detector, output, about, idempotency_key))

    def map_findings(
        self, detector: str, output: JsonValue, *, idempotency_key: str | None = None, **about: Unpack[About]
    ) -> tuple[RecordedEvent, ...]:
        """The events of one output, one for each finding."""
        return self._send(calls.map_findings(detector, output, about, idempotency_key))

    def map_batch(self, items: Sequence[Item], *, idempotency_key: str | None = None) -> BatchAnswer:
        """What became of each output; one that is refused raises nothing."""
        return self._send(calls.map_batch(items, idempotency_key))

    def propose(self, detector: str, labels: Sequence[Label], *, kind: str = "", version: str = "") -> ProposalAnswer:
        """What a detector's labels mean, for a reviewer."""
        return self._send(calls.propose(detector, labels, kind, version))

    def events(self, *, day: date | None = None, after: str | None = None) -> Iterator[EventRecord]:
        """The tenant's events, of one UTC day or all, after a page's cursor or from the beginning."""
        page = self.events_page(day=day, cursor=after)
        yield from page.events
        while page.more:
            page = self.events_page(day=day, cursor=page.next)
            yield from page.events

    def events_page(self, *, day: date | None = None, cursor: str | None = None, limit: int | None = None) -> EventPage:
        """One page of them; its `next` may be asked for again later, when there are new ones."""
        return self._send(calls.events(day, cursor, limit))

    def taxonomy(self) -> TaxonomyAnswer:
        """The taxonomy in service."""
        return self._send(calls.taxonomy())

    def detectors(self) -> DetectorList:
        """The detectors in service, and what their labels mean."""
        return self._send(calls.detectors())

    def releases(self) -> ReleaseList:
        """The releases in service."""
        return self._send(calls.releases())

    def _send(self, call: Call[T]) -> T:
        for attempt in stamina.retry_context(_again, self._retries.attempts, self._retries.seconds):
            with attempt:
                try:
                    answer = self._http.request(
                        call.method, call.path, json=call.json, params=call.params, headers=call.headers
                    )
                except httpx.TransportError as error:
                    raise _unreachable(error) from error
                return call.read(calls.checked(answer))
        raise AssertionError("retry_context returns or raises")


class AsyncClient:
    """The same for `asyncio` and trio."""

    def __init__(
        self,
        url: str,
        credential: str,
        *,
        timeout: float = 35.0,
        retries: Retries = Retries(),
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """As `Client`."""
        self._retries = retries
        self._http = httpx.AsyncClient(base_url=url, headers=_headers(credential), timeout=timeout, transport=transport)

    async def __aenter__(self) -> Self:
        """The client; closed at the end of the block."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def map(
        self, detector: str, output: JsonValue, *, idempotency_key: str | None = None, **about: Unpack[About]
    ) -> Mapped:
        """As `Client.map`."""
        return await self._send(calls.map_one(detector, output, about, idempotency_key))

    async def map_findings(
        self, detector: str, output: JsonValue, *, idempotency_key: str | None = None, **about: Unpack[About]
    ) -> tuple[RecordedEvent, ...]:
        """As `Client.map_findings`."""
        return await self._send(calls.map_findings(detector, output, about, idempotency_key))

    async def map_batch(self, items: Sequence[Item], *, idempotency_key: str | None = None) -> BatchAnswer:
        """As `Client.map_batch`."""
        return await self._send(calls.map_batch(items, idempotency_key))

    async def propose(
        self, detector: str, labels: Sequence[Label], *, kind: str = "", version: str = ""
    ) -> ProposalAnswer:
        """As `Client.propose`."""
        return await self._send(calls.propose(detector, labels, kind, version))

    async def events(self, *, day: date | None = None, after: str | None = None) -> AsyncIterator[EventRecord]:
        """As `Client.events`."""
        more, cursor = True, after
        while more:
            page = await self.events_page(day=day, cursor=cursor)
            more, cursor = page.more, page.next
            for event in page.events:
                yield event

    async def events_page(
        self, *, day: date | None = None, cursor: str | None = None, limit: int | None = None
    ) -> EventPage:
        """As `Client.events_page`."""
        return await self._send(calls.events(day, cursor, limit))

    async def taxonomy(self) -> TaxonomyAnswer:
        """As `Client.taxonomy`."""
        return await self._send(calls.taxonomy())

    async def detectors(self) -> DetectorList:
        """As `Client.detectors`."""
        return await self._send(calls.detectors())

    async def releases(self) -> ReleaseList:
        """As `Client.releases`."""
        return await self._send(calls.releases())

    async def _send(self, call: Call[T]) -> T:
        async for attempt in stamina.retry_context(_again, self._retries.attempts, self._retries.seconds):
            with attempt:
                try:
                    answer = await self._http.request(
                        call.method, call.path, json=call.json, params=call.params, headers=call.headers
                    )
                except httpx.TransportError as error:
                    raise _unreachable(error) from error
                return call.read(calls.checked(answer))
        raise AssertionError("retry_context returns or raises")


def _headers(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}", "User-Agent": "llama-mapper-client"}


def _unreachable(error: httpx.TransportError) -> Unreachable:
    return Unreachable(f"No answer: {type(error).__name__}.", retryable=True)


def _again(error: Exception) -> bool | float:
    """Whether to try again, and after how many seconds where the service says so."""
    if not isinstance(error, CallFailed) or not error.retryable:
        return False
    return True if error.retry_after is None else error.retry_after
