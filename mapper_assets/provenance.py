"""What earlier materialisations recorded. Artefacts lie in files; here is only how one asset finds another's.

A materialisation is a claim about a file, not the file: whoever uses a recorded hash checks the artefact too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from mapper_domain.errors import MapperError

Described = dg.MetadataValue[Any] | int | float | str
"""A metadata value as assets give it."""

SHA256 = "sha256"
"""Metadata key under which every asset records the hash its artefact is named by."""


class NotMaterialised(MapperError):
    """An upstream asset has not been materialised, or its artefact is gone."""


def recorded(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None = None) -> Mapping[str, object]:
    """Metadata values of the latest materialisation, empty if there is none."""
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition] if partition else None)
    records = instance.fetch_materializations(wanted, limit=1).records
    materialisation = records[0].asset_materialization if records else None
    return {name: entry.value for name, entry in materialisation.metadata.items()} if materialisation else {}


def recorded_sha256(instance: dg.DagsterInstance, key: dg.AssetKey, name: str = SHA256) -> str:
    """Hash the latest materialisation recorded.

    Args:
        instance: where materialisations are recorded.
        key: the asset.
        name: metadata key, by default that of its own artefact.

    Raises:
        NotMaterialised: when there is none.
    """
    sha256 = recorded(instance, key).get(name)
    if not isinstance(sha256, str):
        raise NotMaterialised(f"{key.to_user_string()} has not been materialised; materialise it first.")
    return sha256


def existing(path: Path, key: dg.AssetKey) -> Path:
    """The artefact's path, if the artefact is there.

    Raises:
        NotMaterialised: when somebody removed it.
    """
    if not path.exists():
        raise NotMaterialised(f"{key.to_user_string()} was made, but {path} is gone; materialise it again.")
    return path
