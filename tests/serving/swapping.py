"""Fake engines for tests of releases: what an adapter file says is what the model says, and how it misbehaves."""

import gc
import json
import threading
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from release_maker import ADAPTER, RETRIEVER, make_adapter, make_base, make_release, make_retriever
from serving_app import EQUALS, REPOSITORY, App, FakeScorer

from mapper_domain.catalog import Catalog
from mapper_domain.errors import ReleaseMismatch
from mapper_domain.layout import Layout
from mapper_domain.release import POINTER, Canary, Pointer, Shadow
from mapper_serving.engines.base import Engine, Parts
from mapper_serving.engines.local import LocalEngine

UNSEEN = "spear_phishing_lure_v2"


class Watched(LocalEngine):
    """The local engine over fake voices; it holds some memory, and knows whether it was closed.

    Attributes:
        says: the label it gives to the unseen one.
        ballast: stands for the weights.
    """

    def __init__(self, said: str, parts: Parts, ballast: int) -> None:
        label, _, manner = said.partition(" ")
        says = {UNSEEN: label, **(_known(parts) if manner == "knows" else {})}
        voices = [FakeScorer(tuple(parts.labels), says, fails=MANNERS[manner]) for _ in range(2)]
        super().__init__(*voices, queue=64)
        self.says = label
        self._voices = voices
        self.ballast = bytearray(b"\1") * ballast
        self.closed = 0

    def hold(self, gate: threading.Event) -> None:
        """Let no voice answer until the gate is open."""
        for voice in self._voices:
            voice.gate = gate

    async def close(self) -> None:
        """As `Engine.close`."""
        self.closed += 1
        await super().close()


def _fail(_question: str) -> None:
    raise RuntimeError("no memory")


def _dawdle(_question: str) -> None:
    time.sleep(0.3)


def _say_nothing(_question: str) -> None:
    pass


def _known(parts: Parts) -> dict[str, str]:
    """What the release says about the labels of its catalogue."""
    lines = (parts.adapter.parent / "answers.jsonl").read_text().splitlines()
    return {line["label"]: line["answer"]["labels"][0] for line in map(json.loads, lines)}


MANNERS: dict[str, Callable[[str], None]] = {
    "": _say_nothing,
    "knows": _say_nothing,
    "fails": _fail,
    "dawdles": _dawdle,
}
"""How a model behaves besides: the second word of its adapter file."""


class Engines:
    """Opens watched engines, and looks after them without keeping them alive."""

    def __init__(self, ballast: int = 0) -> None:
        self._ballast = ballast
        self._opened: list[weakref.ref[Watched]] = []

    def __call__(self, parts: Parts) -> Engine:
        """As `OpenEngine`; refuses as the real one does."""
        assert (parts.retriever / RETRIEVER).is_file()
        said = (parts.adapter / ADAPTER).read_text()
        if said == "explode":
            raise ZeroDivisionError("an error of some library")
        if said.split()[0] not in parts.labels:
            raise ReleaseMismatch("The model does not answer with a distribution over the labels.")
        engine = Watched(said, parts, self._ballast)
        self._opened.append(weakref.ref(engine))
        return engine

    @property
    def opened(self) -> int:
        """How many engines were opened."""
        return len(self._opened)

    def release(self, says: str) -> Watched:
        """The engine of the release whose model says so."""
        (found,) = [engine for engine in self.alive if engine.says == says]
        return found

    @property
    def alive(self) -> list[Watched]:
        """Engines whose memory is not gone."""
        gc.collect()
        return [engine for opened in self._opened if (engine := opened()) is not None]


class Maker:
    """Makes releases whose fake model gives a label of your choice to the unseen one."""

    def __init__(self, layout: Layout, catalog: Catalog, root: Path = REPOSITORY) -> None:
        self.layout = layout
        self._catalog = catalog
        self._root = root
        self._made = 0

    def __call__(self, says: str, **changes: object) -> str:
        """The id of a new release; `changes` overwrite fields of its manifest."""
        self._made += 1
        folder = self.layout.root / "made" / str(time.monotonic_ns())
        adapter, retriever = make_adapter(folder / "adapter", says.encode()), make_retriever(folder / "retriever")
        base = make_base(self.layout)
        wanted = {"trust": EQUALS, "catalog": self._catalog, "seed": self._made, **changes}
        return make_release(self.layout, self._root, adapter, retriever, base, **wanted)  # type: ignore[arg-type]


def point(layout: Layout, release: str, *, canary: Canary | None = None, shadow: Shadow | None = None) -> None:
    """Move the pointer, atomically, with whatever is on trial."""
    pointer = Pointer(release=release, promoted_at=datetime.now(UTC), canary=canary, shadow=shadow)
    partial = layout.releases / ".pointer"
    partial.write_text(pointer.model_dump_json(exclude_none=True))
    partial.replace(layout.releases / POINTER)


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Return once it is so; fail when it is not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def readiness(app: App) -> dict[str, object]:
    """What `/readyz` says."""
    answer: dict[str, object] = app.http.get("/readyz").json()
    return answer


def serves(app: App, release: str) -> Callable[[], bool]:
    """Whether a release is the stable one, asked each time."""
    return lambda: readiness(app)["release"] == release


def trial(app: App, role: str) -> dict[str, object]:
    """How a canary or a shadow fares, empty when there is none."""
    trials = readiness(app)["trials"]
    assert isinstance(trials, list)
    return next((found for found in trials if found["role"] == role), {})
