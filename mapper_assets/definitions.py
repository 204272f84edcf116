"""The code location Dagster loads: settings from the environment, everything else from `build`."""

from mapper_assets.build import build_defs
from mapper_assets.settings import Settings

defs = build_defs(Settings())
