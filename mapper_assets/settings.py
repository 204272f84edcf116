"""Settings of the asset side, read once from the environment. Values that change per run belong in run config."""

from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from mapper_domain.layout import Layout


class Settings(BaseSettings):
    """Everything an installation can set, as `MAPPER_<NAME>` environment variables.

    Attributes:
        root: folder with `taxonomy/`, `detectors/`, `frameworks/` and `tests/golden/`.
        artifacts: folder every artefact lies below.
        profile: training and evaluation budget; `tiny` proves the path in minutes and learns next to nothing.
        base_model: profile name of the base model.
        automation: whether sensors start switched on, so that an edit retrains without a click.
        partitions_start: first reportable UTC day. Fixed on purpose: a moving start would break re-runs of old days.
            Tenants times days must stay below 100,000 for the UI to remain usable.
        seed: seed of dataset sampling and training. The split of held-out labels does not depend on it.
        gates: YAML file with thresholds that differ from the defaults of `mapper_assets.gates`, by their names.
        promoted_by: who the promotions log names when automation or a job promotes.
        poll_seconds: how often the sensors look.
    """

    model_config = SettingsConfigDict(env_prefix="MAPPER_", frozen=True, extra="ignore")

    root: Path = Path()
    artifacts: Path = Path("artifacts")
    profile: Literal["tiny", "default", "full"] = "default"
    base_model: str = "smollm2-135m-instruct"
    automation: bool = False
    partitions_start: date = date(2026, 9, 1)
    seed: int = 2026
    gates: Path | None = None
    promoted_by: str = "automation"
    poll_seconds: int = Field(default=10, ge=1)

    @property
    def layout(self) -> Layout:
        """Places below the artefact root, as absolute paths."""
        return Layout(self.artifacts.resolve())
