"""The real application with a client: real outbox, real keys, real catalogue; only the model may be a fake one."""

import json
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from starlette.testclient import TestClient

from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust
from mapper_domain.layout import Layout
from mapper_domain.question import Question
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.voices import Weights
from mapper_serving.app import create_app
from mapper_serving.engines.base import OpenEngine
from mapper_serving.engines.local import LocalEngine
from mapper_serving.identity import keys
from mapper_serving.identity.principal import Scope
from mapper_serving.settings import Settings
from mapper_serving.shipping.shipper import ship_segments
from mapper_serving.state import Serving, rules_only

REPOSITORY = Path(__file__).parents[2]


@dataclass
class FakeScorer:
    """Stands in for a voice: gives one label of your choice most of the probability, and keeps the questions.

    Attributes:
        says: label by label string of the question; `OTHER.Unknown` for any other.
        sure: probability of that label.
        fails: called with each question first; may raise.
        gate: when given, answers wait until it is set.
    """

    labels: Sequence[str]
    says: dict[str, str] = field(default_factory=dict)
    sure: float = 0.9
    fails: Callable[[str], None] = lambda _question: None
    gate: threading.Event | None = None
    questions: list[str] = field(default_factory=list)

    def score(self, questions: Sequence[str | Question], among: object = None) -> list[dict[str, float]]:
        """As `LabelScorer` for instructions and as `Retriever` for questions; says all it knows of every label."""
        return [self._score(question) for question in questions]

    def _score(self, question: str | Question) -> dict[str, float]:
        text = question if isinstance(question, str) else question.instruction
        self.questions.append(text)
        if self.gate is not None:
            assert self.gate.wait(30)
        self.fails(text)
        asked = text.partition("Output: ")[2].partition(", Meaning: ")[0]
        chosen = self.says.get(asked, UNKNOWN)
        rest = (1 - self.sure) / (len(self.labels) - 1)
        return {label: math.log(self.sure if label == chosen else rest) for label in self.labels}


def undecided(labels: Sequence[str]) -> FakeScorer:
    """A voice to which every label is as likely as any other."""
    return FakeScorer(labels, sure=1 / len(labels))


@dataclass(frozen=True)
class App:
    """A running application and one key for each of two tenants."""

    http: TestClient
    settings: Settings
    acme: dict[str, str]
    globex: dict[str, str]

    @property
    def layout(self) -> Layout:
        """Where it writes."""
        return self.settings.layout

    def map(self, detector: str, output: object, headers: dict[str, str] | None = None, **body: object) -> Any:
        """POST /map as acme; the response."""
        sent = {"detector": detector, "output": output, **body}
        return self.http.post("/map", json=sent, headers=self.acme if headers is None else headers)

    def metric(self, series: str) -> float:
        """Value of one series, 0 when it does not exist."""
        for line in self.http.get("/metrics").text.splitlines():
            if line.startswith(series + " "):
                return float(line.rpartition(" ")[2])
        return 0.0

    def ship(self) -> None:
        """Ship what is in the outbox now."""
        list(ship_segments(self.settings))

    def events(self, tenant: str = "acme") -> list[dict[str, Any]]:
        """Rows of all shipped events of a tenant, by sequence."""
        return sorted(
            rows_of(self.layout.events, tenant), key=lambda row: (str(row["occurred_at"].date()), row["sequence"])
        )

    def rejections(self, tenant: str = "acme") -> list[str]:
        """Codes of all shipped rejections of a tenant."""
        return [row["code"] for row in rows_of(self.layout.rejections, tenant)]

    def ledgers(self, tenant: str = "acme") -> list[dict[str, Any]]:
        """All shipped day ledgers of a tenant."""
        return [
            json.loads(path.read_text()) for path in sorted(self.layout.ledgers.glob(f"tenant={tenant}/*/ledger.json"))
        ]


def rows_of(folder: Path, tenant: str) -> list[dict[str, Any]]:
    """All rows of a tenant's segments in a folder."""
    paths = sorted(folder.glob(f"tenant={tenant}/*/*.parquet"))
    return [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]


def write_keys(path: Path, expected: tuple[str, ...] = ()) -> tuple[dict[str, str], dict[str, str]]:
    """A keys file with two tenants; the headers of a key of each. The first one expects these detectors."""
    acme = keys.StoredTenant(environment="stage", expected_detectors=expected, scopes=("hipaa",), hmac_key="ab" * 32)
    may: tuple[Scope, ...] = ("map:write", "reports:read")
    content, first = keys.issue(keys.KeyFile(), "acme", acme, days=None, scopes=may)
    content, second = keys.issue(content, "globex", keys.StoredTenant(hmac_key="cd" * 32), days=30, scopes=may)
    keys.write(path, content)
    return {"X-API-Key": first}, {"X-API-Key": second}


@contextmanager
def running_app(
    folder: Path,
    first: Serving,
    *,
    open_engine: OpenEngine | None = None,
    expected: tuple[str, ...] = ("presidio",),
    **settings: object,
) -> Iterator[App]:
    """The application with its artefacts below a folder; it ships only when told to, and when it ends."""
    acme, globex = write_keys(folder / "keys.yaml", expected)
    here = {"root": REPOSITORY, "artifacts": folder, "keys": folder / "keys.yaml"}
    chosen = Settings.model_validate(
        {**here, "ship_seconds": 3600, "outbox_apart": False, "ship_apart": False, **settings}
    )
    app = create_app(chosen, first=first, open_engine=open_engine)
    with TestClient(app, raise_server_exceptions=False) as http:
        yield App(http, chosen, acme, globex)


EQUALS = Trust(weights=Weights(together={"adapter": 1.0, "retriever": 1.0}))
"""Probabilities of the voices are multiplied as they are, so an undecided one leaves the other's unchanged."""


def with_model(
    catalog: Catalog, adapter: FakeScorer, retriever: FakeScorer | None = None, *, queue: int = 8, trust: Trust = EQUALS
) -> Serving:
    """The state of a release whose voices are fake ones; without a retriever of yours, that one is undecided."""
    rules = rules_only(catalog)
    versions = rules.versions.model_copy(update={"release": "0123456789abcdef"})
    return Serving(
        catalog=catalog,
        rules=rules.rules,
        versions=versions,
        words=rules.words,
        trust=trust,
        engine=LocalEngine(adapter, retriever or undecided(adapter.labels), queue=queue),
    )
