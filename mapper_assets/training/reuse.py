"""Finds an adapter that the same recipe has made before, so that nothing is trained twice for the same result."""

from pathlib import Path

from mapper_assets.training.profiles import BASES, BUDGETS
from mapper_assets.training.train_lora import RECORD, Training, TrainingError, TrainLora, read_record
from mapper_domain.layout import Layout
from mapper_domain.prompt import PROMPT_VERSION
from mapper_domain.release import sha256_file

WEIGHTS = "adapter_model.safetensors"


def trained_before(parameters: TrainLora, base_sha256: str) -> Training | None:
    """The record of an intact adapter with this dataset, base model, budget, seed and prompt, newest first, or None.

    Args:
        parameters: what would be trained.
        base_sha256: SHA-256 (hex) of the base model's weights.
    """
    home = Layout(parameters.artifacts).adapter("x").parent
    wanted = (
        parameters.dataset,
        base_sha256,
        BASES.get(parameters.base),
        BUDGETS.get(parameters.profile),
        parameters.seed,
        PROMPT_VERSION,
    )
    for folder in sorted(home.glob(f"[!.]*/{RECORD}"), key=lambda path: path.stat().st_mtime, reverse=True):
        made = _intact(folder.parent)
        if made and wanted == (
            made.dataset_sha256,
            made.base_model.sha256,
            made.base,
            made.budget,
            made.seed,
            made.prompt_version,
        ):
            return made
    return None


def _intact(folder: Path) -> Training | None:
    try:
        made = read_record(folder)
    except TrainingError:
        return None
    weights = folder / WEIGHTS
    return made if weights.is_file() and sha256_file(weights) == made.adapter_sha256 == folder.name else None
