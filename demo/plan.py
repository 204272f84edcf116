"""What each tenant sends on each day: the same requests whenever the same day is planned again.

Every request has a key, so that a second run on the same day knows what was sent. A third of a day comes from
detectors that really ran over `texts`; the rest are documented answers of other detectors (`streams`).
"""

import hashlib
import json
import random
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from demo import detectors, streams
from demo.texts import Sample, samples
from mapper_domain.catalog import Catalog

STREAMS_OF = {
    "acme": (
        "llama-guard-3",
        "openai-moderation",
        "aws-comprehend-pii",
        "gitleaks",
        "garak-detectors",
        "perspective-api",
    ),
    "globex": (
        "azure-content-safety",
        "llama-prompt-guard-1",
        "google-cloud-dlp",
        "deberta-toxicity",
        "gitleaks",
        "llama-guard-3",
    ),
}
"""Tenants and the detectors whose documented answers they send."""

NEVER_SENT = {"acme": (), "globex": ("codeshield",)}
"""Promised and never run, so that a report has a gap to show."""

ANSWERS_A_DAY = 10
REFUSED = "refused"
"""Begins the number of requests that are sent in order to be refused."""

_BAD_BODIES = (
    b'{"detector": "presidio", "output": [',
    b'{"detector": "presidio"}',
    b'{"detector": "presidio", "output": "\xff"}',
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes:
        key: `<day>/<tenant>/<number>`.
        body: what is sent, exactly.
        alone: whether it goes to `/map` by itself; the others travel in batches.
    """

    key: str
    tenant: str
    day: str
    body: bytes
    alone: bool


@dataclass(frozen=True, slots=True)
class Day:
    """One tenant's day: its requests, and every invented value that must never be stored."""

    tenant: str
    day: str
    requests: tuple[Request, ...]
    planted: frozenset[str]


def closed_days(today: date, count: int = 3) -> tuple[str, ...]:
    """The UTC days before today, oldest first, as `yyyy-mm-dd`."""
    return tuple((today - timedelta(days=back)).isoformat() for back in range(count, 0, -1))


def expected_detectors(tenant: str) -> tuple[str, ...]:
    """What a tenant has promised to run."""
    return tuple(sorted({"detect-secrets", "presidio", *STREAMS_OF[tenant], *NEVER_SENT[tenant]}))


def is_meant_to_fail(key: str) -> bool:
    """Whether a request is sent in order to be refused."""
    return key.rsplit("/", 1)[1].startswith(REFUSED)


def plan(catalog: Catalog, tenant: str, day: str) -> Day:
    """Everything one tenant sends about one day. Runs the real detectors."""
    rng = random.Random(f"{day}/{tenant}")
    texts = samples(tenant, day)
    outputs = [*_real(texts), *_documented(catalog, tenant, rng, texts)]
    rng.shuffle(outputs)
    moments = sorted(rng.randrange(86_400) for _ in outputs)
    bodies = [
        _body(rng, detector, output, _at(day, second))
        for (detector, output), second in zip(outputs, moments, strict=True)
    ]
    alone = {number for number, (detector, _) in enumerate(outputs) if detector in ("presidio", "detect-secrets")}
    requests = [Request(f"{day}/{tenant}/{n:03}", tenant, day, body, n in alone) for n, body in enumerate(bodies)]
    wrong = enumerate([*_BAD_BODIES, *_refused(tenant, day)])
    requests += [Request(f"{day}/{tenant}/{REFUSED}-{n}", tenant, day, body, True) for n, body in wrong]
    return Day(tenant, day, tuple(requests), _planted(texts, outputs))


def _real(texts: Iterable[Sample]) -> Iterator[tuple[str, Any]]:
    for sample in texts:
        if sample.name.endswith(".py"):
            yield "detect-secrets", detectors.detect_secrets(sample)
        else:
            yield "presidio", detectors.presidio(sample)


def _documented(
    catalog: Catalog, tenant: str, rng: random.Random, texts: Iterable[Sample]
) -> Iterator[tuple[str, Any]]:
    values = [value for sample in texts for value in sample.planted]
    for name in STREAMS_OF[tenant]:
        for answer in streams.answers(catalog.detector(name), rng, values, ANSWERS_A_DAY):
            yield name, answer
    unseen = streams.unseen_answers(catalog, rng, values)
    yield from rng.sample(unseen, 4)
    yield streams.UNDESCRIBED, streams.UNDESCRIBED_ANSWER
    yield "openai-moderation", {"error": {"message": "The server had an error.", "type": "server_error"}}


def _refused(tenant: str, day: str) -> Iterator[bytes]:
    """Requests of the right form that have to be refused."""
    other = next(name for name in STREAMS_OF if name != tenant)
    yield _json({"detector": "openai-moderation", "output": {"unexpected": True}, "occurred_at": _at(day, 61)})
    yield _json({"detector": "presidio", "output": [], "tenant_id": other, "occurred_at": _at(day, 62)})


def _planted(texts: Iterable[Sample], outputs: Iterable[tuple[str, Any]]) -> frozenset[str]:
    """Values in the texts, and the hashes of secrets that detect-secrets puts into its answers."""
    values = {value for sample in texts for value in sample.planted}
    reports = [output for detector, output in outputs if detector == "detect-secrets"]
    hashes = {item["hashed_secret"] for report in reports for found in report["results"].values() for item in found}
    return frozenset(values | hashes)


def _body(rng: random.Random, detector: str, output: object, occurred_at: str) -> bytes:
    reference = uuid.UUID(bytes=hashlib.sha256(rng.randbytes(16)).digest()[:16], version=4)
    metadata = {"raw_ref": f"urn:uuid:{reference}"}
    return _json({"detector": detector, "output": output, "occurred_at": occurred_at, "metadata": metadata})


def _at(day: str, second: int) -> str:
    moment = datetime.combine(date.fromisoformat(day), time(), UTC) + timedelta(seconds=second)
    return moment.isoformat().replace("+00:00", "Z")


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
