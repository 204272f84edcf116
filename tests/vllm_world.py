"""A real vLLM for slow tests: one server for all of them, and releases of small voices it can serve."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from release_maker import make_release
from safetensors.numpy import load_file, save_file

from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout
from mapper_domain.release import ADAPTER, RETRIEVER, verify
from mapper_serving.engines.base import Parts
from mapper_serving.engines.opening import LocalOpener
from mapper_serving.engines.vllm import VllmOpener
from mapper_serving.settings import Settings

REPOSITORY = Path(__file__).parents[1]
UNSEEN = ("spear_phishing_lure", "us_driving_licence_scan", "wire_transfer_request", "insulting_nickname")
"""Labels no detector has and no rule knows."""

HANG_SECONDS = 60.0
"""Longer than any step of the model takes on a machine with two cores that does much else."""

START_SECONDS = 400.0


class VllmWorld(NamedTuple):
    """What slow tests of vLLM share.

    Attributes:
        opener: opens engines on the one server; whoever opens one closes it.
        layout: an artefact root with the real base model.
        adapters: two adapter folders over it.
        retriever: a retriever folder.
        made: releases by the adapter that is in them.
    """

    opener: VllmOpener
    layout: Layout
    adapters: Sequence[Path]
    retriever: Path
    catalog: Catalog
    made: dict[int, str]

    def hold(self) -> None:
        """Keep the server of adapters running when no engine uses it, so that the next test need not wait for one."""
        self.opener.fleet.take(self.opener.spec(self.parts(self.release())))

    def release(self, adapter: int = 0) -> str:
        """A release of one of the adapters, made once; its id."""
        if adapter not in self.made:
            base = next((self.layout.root / "base_models").iterdir())
            voices = self.adapters[adapter], self.retriever
            self.made[adapter] = make_release(
                self.layout, REPOSITORY, *voices, base, catalog=self.catalog, seed=adapter
            )
        return self.made[adapter]

    def parts(self, release: str) -> Parts:
        """What an engine of a release is opened from."""
        folder = self.layout.releases / release
        manifest = verify(folder)
        base = self.layout.base_model(manifest.base_model.name)
        labels = [label.name for label in self.catalog.taxonomy.labels]
        return Parts(base, folder / ADAPTER, folder / RETRIEVER, labels, manifest)


@contextmanager
def vllm_world(
    folder: Path, base_model: Path, adapter: Path, retriever: Path, catalog: Catalog, **settings: object
) -> Iterator[VllmWorld]:
    """Such a world below a folder; its server ends with it."""
    layout = Layout(folder)
    layout.base_model(base_model.name).parent.mkdir(parents=True)
    layout.base_model(base_model.name).symlink_to(base_model)
    chosen = Settings.model_validate(
        {
            "engine": "vllm",
            "artifacts": folder,
            "vllm_python": str(REPOSITORY / ".venv-vllm" / "bin" / "python"),
            "vllm_start_seconds": START_SECONDS,
            "vllm_hang_seconds": HANG_SECONDS,
            **settings,
        }
    )
    opener = VllmOpener(chosen, LocalOpener(chosen).adapter)
    try:
        yield VllmWorld(opener, layout, (adapter, weakened(adapter, folder / "halved", 0.5)), retriever, catalog, {})
    finally:
        opener.close()


def weakened(adapter: Path, target: Path, strength: float) -> Path:
    """Another adapter: the same one with its weights multiplied; with 0 it changes nothing of the base model."""
    shutil.copytree(adapter, target)
    weights = load_file(adapter / "adapter_model.safetensors")
    save_file({name: value * strength for name, value in weights.items()}, target / "adapter_model.safetensors")
    return target
