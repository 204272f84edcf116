"""Releases: verified, loaded, warmed, then swapped in; a bad one is refused and the last good one stays.

This replica converges on `releases/current.json` by itself. Nobody pushes, and nothing is asked of the
machinery that made the release.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog
from pydantic import ValidationError

from mapper_domain.catalog import load as load_catalog
from mapper_domain.errors import CatalogError, ReleaseCorrupt, ReleaseError, ReleaseMismatch, ReleaseMissing
from mapper_domain.ladder import Answer
from mapper_domain.layout import Layout
from mapper_domain.privacy import lexicon
from mapper_domain.prompt import PROMPT_VERSION
from mapper_domain.release import ADAPTER, RETRIEVER, KnownAnswer, Manifest, read_pointer, sha256_weights, verify
from mapper_domain.rules import RuleMapper
from mapper_serving.engines.base import OpenEngine, Parts
from mapper_serving.state import LabelKey, Serving, versions
from mapper_serving.telemetry import Metrics

ANSWERS = "answers.jsonl"
log = structlog.get_logger(__name__)


def load(layout: Layout, release: str, open_engine: OpenEngine) -> Serving:
    """A release, verified and warm.

    Raises:
        ReleaseMissing: when it, or the base model it needs, is not there.
        ReleaseCorrupt: when a file or the catalogue in it differs from the manifest.
        ReleaseMismatch: when it was made for another base model, prompt, or adapter rank.
    """
    folder = layout.releases / release
    manifest = verify(folder)
    base = layout.base_model(manifest.base_model.name)
    _check_fit(manifest, folder, base)
    try:
        catalog = load_catalog(folder / "catalog")
    except CatalogError as error:
        raise ReleaseCorrupt(f"The catalogue of release {release} has {len(error.problems)} problems.") from error
    if catalog.sha256 != manifest.catalog_sha256:
        raise ReleaseCorrupt(f"The catalogue of release {release} is not the one that was evaluated.")
    labels = [label.name for label in catalog.taxonomy.labels]
    return Serving(
        catalog=catalog,
        rules=RuleMapper(catalog),
        versions=versions(catalog, release),
        words=lexicon(catalog),
        trust=manifest.trust,
        known=_known(folder / ANSWERS),
        engine=open_engine(Parts(base, folder / ADAPTER, folder / RETRIEVER, labels, manifest)),
    )


def _check_fit(manifest: Manifest, folder: Path, base: Path) -> None:
    if manifest.prompt_version != PROMPT_VERSION:
        raise ReleaseMismatch(
            f"The release was trained on prompt {manifest.prompt_version}; this service asks with {PROMPT_VERSION}."
        )
    if not base.is_dir():
        raise ReleaseMissing(f"The base model {manifest.base_model.name} is not prepared here; prepare it.")
    if sha256_weights(base) != manifest.base_model.sha256:
        raise ReleaseMismatch(f"The base model {manifest.base_model.name} here is not the one it was trained on.")
    try:
        rank = json.loads((folder / ADAPTER / "adapter_config.json").read_bytes())["r"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReleaseCorrupt("The adapter has no readable adapter_config.json.") from error
    if rank != manifest.adapter_rank:
        raise ReleaseMismatch(f"The adapter has rank {rank}; the manifest says {manifest.adapter_rank}.")


def _known(path: Path) -> Mapping[LabelKey, Answer]:
    try:
        lines = [KnownAnswer.model_validate_json(line) for line in path.read_bytes().splitlines() if line.strip()]
    except FileNotFoundError:
        raise ReleaseMissing(f"The release has no {ANSWERS}.") from None
    except ValidationError as error:
        raise ReleaseCorrupt(f"{ANSWERS} cannot be read: {error.error_count()} problems.") from error
    return {(line.detector, line.field, line.label): line.answer for line in lines}


class Releases:
    """Keeps the release that the pointer names in service.

    Attributes:
        current: what answers now; requests hold on to the one they began with.
        refused: why the release the pointer names does not serve, or empty.
        settled: whether the pointer has been followed, or its release refused, at least once.
    """

    def __init__(
        self,
        layout: Layout,
        initial: Serving,
        open_engine: OpenEngine,
        metrics: Metrics,
        *,
        retry_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.current = initial
        self.refused = ""
        self.settled = False
        self._layout = layout
        self._open_engine = open_engine
        self._metrics = metrics
        self._retry_seconds = retry_seconds
        self._clock = clock
        self._refused_release = ""
        self._refused_at = 0.0
        self._announce()

    async def run(self, every: float) -> None:
        """Follow the pointer until cancelled."""
        while True:
            await self.follow()
            await asyncio.sleep(every)

    async def follow(self) -> None:
        """Do once what the pointer says. Loading happens in a thread; requests go on meanwhile."""
        wanted = ""
        try:
            pointer = read_pointer(self._layout.releases)
            wanted = pointer.release if pointer else ""
            if wanted and wanted != self.current.versions.release and not self._refused_lately(wanted):
                started = time.monotonic()
                self.current = await asyncio.to_thread(load, self._layout, wanted, self._open_engine)
                self._metrics.observe("mapper_release_load_duration_seconds", time.monotonic() - started)
                self._metrics.count("mapper_release_swaps_total")
                self._announce()
            if wanted == self.current.versions.release or not wanted:
                self.refused, self._refused_release = "", ""
        except Exception as error:  # noqa: BLE001  (nothing a release holds may end this watch)
            self._refuse(wanted, error)
        self.settled = True

    def _refused_lately(self, release: str) -> bool:
        return release == self._refused_release and self._clock() - self._refused_at < self._retry_seconds

    def _refuse(self, release: str, error: Exception) -> None:
        reason = str(error) if isinstance(error, ReleaseError) else f"{type(error).__name__} while reading it."
        if (release, reason) != (self._refused_release, self.refused):
            self._metrics.count("mapper_release_refused_total", _KINDS.get(type(error), "unreadable"))
            log.error("release.refused", release=release, reason=reason, exc_info=error)
        self.refused, self._refused_release, self._refused_at = reason, release, self._clock()

    def _announce(self) -> None:
        now = self.current.versions
        self._metrics.release(now.release, now.taxonomy, now.frameworks)
        log.info("release.serving", release=now.release, taxonomy=now.taxonomy, known=len(self.current.known))


_KINDS: Mapping[type[Exception], str] = {
    ReleaseMissing: "missing",
    ReleaseCorrupt: "corrupt",
    ReleaseMismatch: "mismatch",
}
