"""From a folder to a state that may serve: verified, fitting, loaded, warm. Which release is wanted is `watcher`'s."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from mapper_domain.catalog import Catalog
from mapper_domain.catalog import load as load_catalog
from mapper_domain.errors import CatalogError, EngineError, ReleaseCorrupt, ReleaseMismatch, ReleaseMissing
from mapper_domain.ladder import Answer
from mapper_domain.layout import Layout
from mapper_domain.privacy import lexicon
from mapper_domain.prompt import PROMPT_VERSION
from mapper_domain.question import Question
from mapper_domain.release import ADAPTER, RETRIEVER, KnownAnswer, Manifest, sha256_text, sha256_weights, verify
from mapper_domain.rules import RuleMapper
from mapper_domain.voices import fuse
from mapper_serving.cache import LabelKey
from mapper_serving.engines.base import OpenEngine, Parts
from mapper_serving.releases.sources import Source
from mapper_serving.releases.tally import Tally
from mapper_serving.state import Serving, versions

ANSWERS = "answers.jsonl"
CATALOG = "catalog"
PROBES = 8
"""Questions a model is asked before it serves, of those it agreed with the reviewed mappings on when it was judged."""

AGREEING = 0.5
"""Least share of them it must agree on again. A model that is not the one judged agrees on next to none."""

PROBE_SECONDS = 60.0


class Loader(NamedTuple):
    """Loads releases.

    Attributes:
        source: where they come from.
        layout: where base models lie.
        open_engine: opens the engine of one.
        window: seconds its tally looks back.
    """

    source: Source
    layout: Layout
    open_engine: OpenEngine
    window: float

    async def load(self, release: str) -> Serving:
        """A release, verified and warm. Blocking work happens in a thread; the engine is warmed in the running loop.

        Raises:
            ReleaseMissing: when it, or the base model it needs, is not there.
            ReleaseUnreachable: when it cannot be fetched.
            ReleaseCorrupt: when a file or the catalogue in it differs from the manifest.
            ReleaseMismatch: when it was made for another base model, prompt, or adapter rank, or its model does not
                say what it said when it was judged.
        """
        opening = asyncio.ensure_future(asyncio.to_thread(self._open, release))
        try:
            serving = await asyncio.shield(opening)
        except asyncio.CancelledError:  # the thread goes on; what it opens is closed again
            with suppress(Exception):
                await close(await opening)
            raise
        try:
            await _warm(serving)
        except BaseException:
            await close(serving)
            raise
        return serving

    def _open(self, release: str) -> Serving:
        folder = self.source.fetch(release)
        manifest = verify(folder)
        base = self.layout.base_model(manifest.base_model.name)
        _check_fit(manifest, folder, base)
        catalog = read_catalog(folder, manifest)
        labels = [label.name for label in catalog.taxonomy.labels]
        serving = Serving(
            catalog=catalog,
            rules=RuleMapper(catalog),
            versions=versions(catalog, release),
            words=lexicon(catalog),
            trust=manifest.trust,
            known=_known(folder / ANSWERS),
            tally=Tally(self.window),
            engine=self.open_engine(Parts(base, folder / ADAPTER, folder / RETRIEVER, labels, manifest)),
        )
        serving.cache  # noqa: B018  (made now, in this thread, and not for the first request)
        return serving


def read_catalog(folder: Path, manifest: Manifest) -> Catalog:
    """The catalogue in a release.

    Raises:
        ReleaseCorrupt: when it has problems, or is not the one that was evaluated.
    """
    try:
        catalog = load_catalog(folder / CATALOG)
    except CatalogError as error:
        raise ReleaseCorrupt(f"The catalogue of release {folder.name} has {len(error.problems)} problems.") from error
    if catalog.sha256 != manifest.catalog_sha256:
        raise ReleaseCorrupt(f"The catalogue of release {folder.name} is not the one that was evaluated.")
    return catalog


async def close(serving: Serving) -> None:
    """Give back what its engine holds."""
    if serving.engine is not None:
        await serving.engine.close()


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


async def _warm(serving: Serving) -> None:
    """Ask the engine what it was asked when the release was judged, and see that it still says so."""
    engine, probes = serving.engine, _probes(serving)
    if engine is None or not probes:
        return
    loop, agreed = asyncio.get_running_loop(), 0
    for question, expected in probes:
        try:
            heard = await engine.score(question, loop.time() + PROBE_SECONDS)
        except EngineError as error:
            raise ReleaseMismatch(f"The model does not answer its golden probes: {error}") from error
        if heard.silence is not None:
            raise ReleaseMismatch(f"A voice of the model does not answer its golden probes ({heard.silence}).")
        said = fuse(heard.opinion, serving.trust.weights)
        agreed += max(said, key=lambda label: said[label]) == expected
    if agreed < AGREEING * len(probes):
        raise ReleaseMismatch(
            f"The model says what it said when it was judged to {agreed} of {len(probes)} golden probes only."
        )


def _probes(serving: Serving) -> list[tuple[Question, str]]:
    """Questions with the label the model preferred when it was judged, drawn evenly over what it was asked."""
    kinds = {detector.name: detector.kind for detector in serving.catalog.detectors}
    agreed = [(key, answer) for key, answer in serving.known.items() if answer.agreement]
    drawn = sorted(agreed, key=lambda item: sha256_text(repr(item[0])))[:PROBES]
    return [
        (Question(detector=detector, label=label, kind=kinds.get(detector, ""), field=field), answer.labels[0])
        for (detector, field, label), answer in drawn
    ]
