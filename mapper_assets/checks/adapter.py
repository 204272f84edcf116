"""Checks of the adapter: complete, the recorded one, and trained with a loss that fell."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from mapper_assets.assets.training import LORA_ADAPTER
from mapper_assets.checks.results import found, or_fails
from mapper_assets.provenance import recorded_sha256
from mapper_assets.resources import Artifacts
from mapper_domain.release import sha256_file

if TYPE_CHECKING:
    from mapper_assets.training.train_lora import LossPoint

ADAPTER_FILES = ("adapter_model.safetensors", "adapter_config.json", "training.json")


def file_problems(folder: Path) -> list[str]:
    """Files an adapter folder lacks, and weights that are not what the folder is named by."""
    missing = [f"{name} is missing." for name in ADAPTER_FILES if not (folder / name).is_file()]
    weights = folder / ADAPTER_FILES[0]
    if weights.is_file() and sha256_file(weights) != folder.name:
        missing.append(f"{weights.name} does not have the SHA-256 its folder is named by.")
    return missing


def loss_problems(points: Sequence["LossPoint"]) -> list[str]:
    """What is wrong with a loss curve: too short, not finite, or not lower in its second half than in its first."""
    losses = [point.loss for point in points]
    if len(losses) < 2:
        return [f"{len(losses)} points are no curve."]
    if not all(math.isfinite(loss) for loss in losses):
        return ["The loss is not finite everywhere."]
    half = len(losses) // 2
    early, late = math.fsum(losses[:half]) / half, math.fsum(losses[half:]) / (len(losses) - half)
    return [] if late < early else [f"The loss did not fall: {early:.4f} in the first half, {late:.4f} in the second."]


@dg.asset_check(asset=LORA_ADAPTER, blocking=True)
@or_fails
def files_complete(context: dg.AssetCheckExecutionContext, artifacts: Artifacts) -> dg.AssetCheckResult:
    """Weights, configuration and training record are there, and the weights are the recorded ones."""
    return found(file_problems(artifacts.layout.adapter(recorded_sha256(context.instance, LORA_ADAPTER))))


@dg.asset_check(asset=LORA_ADAPTER, blocking=True)
@or_fails
def loss_fell(context: dg.AssetCheckExecutionContext, artifacts: Artifacts) -> dg.AssetCheckResult:
    """The training loss is finite and fell."""
    from mapper_assets.training.train_lora import read_record

    curve = read_record(artifacts.layout.adapter(recorded_sha256(context.instance, LORA_ADAPTER))).loss_curve
    return found(loss_problems(curve), {"first": curve[0].loss, "last": curve[-1].loss} if curve else {})


CHECKS = [files_complete, loss_fell]
