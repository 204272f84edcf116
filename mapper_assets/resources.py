"""Resources: what assets are given rather than look up. Thin shells; the plain functions never see Dagster."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.errors import DagsterPipesExecutionError
from pydantic import JsonValue

from mapper_assets.gates import Gates
from mapper_assets.settings import Settings
from mapper_domain.errors import MapperError
from mapper_domain.layout import Layout


class InvalidGates(MapperError):
    """The file of gate thresholds cannot be used."""


class Artifacts(dg.ConfigurableResource[None]):
    """Where artefacts lie.

    Attributes:
        root: the artefact root.
    """

    root: str

    @property
    def layout(self) -> Layout:
        """Places below the root."""
        return Layout(Path(self.root))


class Sources(dg.ConfigurableResource[None]):
    """The reviewed files: catalogue YAML, lexicon and golden set.

    Attributes:
        root: folder with `taxonomy/`, `detectors/`, `frameworks/` and `tests/golden/`.
    """

    root: str

    @property
    def path(self) -> Path:
        """The catalogue root."""
        return Path(self.root)

    @property
    def golden(self) -> Path:
        """Folder of the golden set."""
        return self.path / "tests" / "golden"


class Recipe(dg.ConfigurableResource[None]):
    """What is trained and how.

    Attributes:
        profile: budget name: tiny, default or full.
        base_model: profile name of the base model.
        seed: seed of dataset sampling and training.
        promoted_by: who the promotions log names where nobody gives a name.
    """

    profile: str
    base_model: str
    seed: int
    promoted_by: str


class Thresholds(dg.ConfigurableResource[None]):
    """What an evaluation must reach. Read when it is asked for, so that raising a gate needs no restart.

    Attributes:
        file: YAML file with thresholds that differ from the defaults; empty for the defaults.
    """

    file: str = ""

    @property
    def gates(self) -> Gates:
        """The thresholds.

        Raises:
            InvalidGates: naming what in the file is not a threshold.
        """
        if not self.file:
            return Gates()
        try:
            return Gates.model_validate(yaml.safe_load(Path(self.file).read_text()))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise InvalidGates(f"{self.file} cannot be read as thresholds: {error}") from error


class Scripts(dg.ConfigurableResource[None]):
    """Runs a module as a subprocess that reports through Dagster Pipes.

    Training needs packages and memory the orchestrator should not hold; a crash there must not end the run's process.
    """

    def run(self, context: dg.AssetExecutionContext, module: str, extras: Mapping[str, JsonValue]) -> dict[str, Any]:
        """Run `python -m module` with `extras` as Pipes extras, and return the result it reported.

        Raises:
            Failure: when it ended without one; its last lines in the log say why.
        """
        command = [sys.executable, "-m", module]
        # Idle threads sleep instead of spinning: beside anything else that computes, spinning is many times slower.
        env = {"OMP_WAIT_POLICY": "passive", **os.environ}
        try:
            done = dg.PipesSubprocessClient().run(context=context, command=command, extras=dict(extras), env=env)
            messages = done.get_custom_messages()
        except DagsterPipesExecutionError as error:
            raise dg.Failure(description=f"{module} failed: see its last lines in the log. {error}") from None
        if not messages:
            raise dg.Failure(description=f"{module} ended without a result: see its last lines in the log.")
        return dict(messages[-1])


def default_resources(settings: Settings) -> dict[str, object]:
    """Resources of the embedded installation, by the names assets ask for."""
    return {
        "artifacts": Artifacts(root=str(settings.layout.root)),
        "sources": Sources(root=str(settings.root.resolve())),
        "recipe": Recipe(
            profile=settings.profile,
            base_model=settings.base_model,
            seed=settings.seed,
            promoted_by=settings.promoted_by,
        ),
        "thresholds": Thresholds(file=str(settings.gates.resolve()) if settings.gates else ""),
        "scripts": Scripts(),
    }
