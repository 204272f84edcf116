"""Trains a LoRA adapter on a dataset with PEFT and TRL, resuming from the last checkpoint after a kill.

Run as `python -m mapper_assets.training.train_lora --artifacts artifacts --dataset <sha256>`, or by
Dagster Pipes with the same names as extras. Prompts carry no loss: only the answer is learnt.
"""

import json
import os
import re
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mapper_assets.training.prepare_base import DEFAULT_BASE, BaseModelError, read_source
from mapper_assets.training.profiles import BASES, BUDGETS, BaseProfile, Budget
from mapper_assets.training.session import Report, session
from mapper_assets.training.trainer import available, lora_trainer, progress
from mapper_domain.errors import MapperError
from mapper_domain.layout import Layout
from mapper_domain.prompt import PROMPT_VERSION
from mapper_domain.release import BaseModelRef, sha256_file
from mapper_domain.value import Value
from mapper_model.tokens import Tokens

RECORD = "training.json"
LIBRARIES = ("torch", "transformers", "tokenizers", "peft", "trl", "accelerate")


class TrainingError(MapperError):
    """The training cannot start: no dataset, no base model, or a row that does not fit."""


class TrainLora(Value):
    """Train a LoRA adapter.

    Attributes:
        artifacts: the artefact root.
        dataset: SHA-256 of the dataset below it.
        base: name of a base profile.
        profile: name of a training budget: tiny, default or full.
        seed: of initialisation, row order and dropout.
        threads: compute threads; 0 for all cores.
    """

    artifacts: Path = Path("artifacts")
    dataset: str
    base: str = DEFAULT_BASE
    profile: str = "default"
    seed: int = 0
    threads: int = 0


class LossPoint(Value):
    """Mean training loss (nats per answer token) over the steps since the previous point.

    Attributes:
        seconds: training time up to here, summed over resumed parts.
    """

    step: int
    loss: float
    learning_rate: float
    seconds: float


class Training(Value):
    """Content of `training.json`: everything that made the adapter beside it.

    Attributes:
        adapter_sha256: SHA-256 (hex) of `adapter_model.safetensors`.
        rows: rows of the dataset.
        seconds: training time, summed over resumed parts, without loading.
        resumed_from: steps of the checkpoints it was resumed from, if it was killed.
    """

    adapter_sha256: str
    dataset_sha256: str
    base_model: BaseModelRef
    base: BaseProfile
    budget: Budget
    prompt_version: str
    seed: int
    threads: int
    device: str
    rows: int
    steps: int
    seconds: float
    loss_curve: tuple[LossPoint, ...]
    resumed_from: int | None
    libraries: dict[str, str]


def train(parameters: TrainLora, report: Report) -> Training:
    """Train, store the adapter below its content hash and return its record.

    Raises:
        TrainingError: when something it needs is missing or a row is too long.
        BaseModelError: when the base model was not prepared or was altered.
    """
    layout, profile, budget = Layout(parameters.artifacts), *_chosen(parameters)
    base = layout.base_model(profile.name)
    source = read_source(base)
    if source is None:
        raise BaseModelError(f"{base} holds no intact base model. Run: python -m mapper_assets.training.prepare_base")
    rows = read_rows(layout.dataset(parameters.dataset), Tokens(base), profile.max_length)
    work = layout.checkpoints / f"{parameters.dataset[:16]}-{profile.name}-{budget.name}-{parameters.seed}"
    report.log(f"Training {profile.name} on {len(rows)} rows: {budget.steps} steps of {budget.batch_size}.")
    trainer, resumed_from = _fit(parameters, base, rows, work, report)
    curve = tuple(
        LossPoint.model_validate({name: entry[name] for name in LossPoint.model_fields})
        for entry in trainer.state.log_history
        if "loss" in entry
    )
    made = Training(
        adapter_sha256="",
        dataset_sha256=parameters.dataset,
        base_model=BaseModelRef(name=profile.name, sha256=source.sha256),
        base=profile,
        budget=budget,
        prompt_version=PROMPT_VERSION,
        seed=parameters.seed,
        threads=_threads(parameters),
        device=str(trainer.args.device),
        rows=len(rows),
        steps=trainer.state.global_step,
        seconds=curve[-1].seconds,
        loss_curve=curve,
        resumed_from=resumed_from,
        libraries={name: metadata.version(name) for name in LIBRARIES},
    )
    stored = _store(trainer.model, made, layout)
    shutil.rmtree(work)
    report.log(f"Adapter {stored.adapter_sha256[:16]} after {stored.steps} steps and {stored.seconds:.0f} s.")
    return stored


def read_rows(path: Path, tokens: Tokens, max_length: int) -> list[dict[str, list[int]]]:
    """Rows of a training file as token ids, with a mask that is 1 on the answer.

    Raises:
        TrainingError: naming the lines that are not `{"instruction", "response"}` or are too long.
    """
    if not path.exists():
        raise TrainingError(f"There is no dataset {path.name}; build training/dataset first.")
    rows, wrong = [], []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            row = json.loads(line)
            question, answer = tokens.question(row["instruction"]), tokens.text(row["response"])
        except (ValueError, KeyError, TypeError):
            wrong.append(f"line {number} has no instruction and response")
            continue
        if len(question) + len(answer) > max_length:
            wrong.append(f"line {number} has {len(question) + len(answer)} tokens, at most {max_length} fit")
        rows.append({"input_ids": question + answer, "completion_mask": [0] * len(question) + [1] * len(answer)})
    if wrong or not rows:
        raise TrainingError(f"{path.name}: " + ("; ".join(wrong) or "no rows") + ".")
    return rows


def last_checkpoint(work: Path, *, before: int | None = None) -> Path | None:
    """The newest complete checkpoint of a killed run; a half-written one has no trainer state yet and is removed.

    Args:
        work: the run's folder.
        before: only checkpoints of earlier steps than this; resumed at its last step, a trainer takes one too many.
    """
    complete = {}
    for folder in work.glob("checkpoint-*"):
        try:
            complete[json.loads((folder / "trainer_state.json").read_text())["global_step"]] = folder
        except (OSError, ValueError, KeyError):
            shutil.rmtree(folder)
    steps = [step for step in complete if before is None or step < before]
    return complete[max(steps)] if steps else None


def _chosen(parameters: TrainLora) -> tuple[BaseProfile, Budget]:
    if parameters.base not in BASES:
        raise TrainingError(f"{parameters.base!r} is no base model. Known: {', '.join(sorted(BASES))}.")
    if parameters.profile not in BUDGETS:
        raise TrainingError(f"{parameters.profile!r} is no training profile. Known: {', '.join(sorted(BUDGETS))}.")
    return BASES[parameters.base], BUDGETS[parameters.profile]


def _threads(parameters: TrainLora) -> int:
    return parameters.threads or os.cpu_count() or 1


def _fit(
    parameters: TrainLora, base: Path, rows: list[dict[str, list[int]]], work: Path, report: Report
) -> tuple[Any, int | None]:
    """The trainer after its last step, and the step it resumed from."""
    import torch
    from transformers import AutoModelForCausalLM, set_seed
    from transformers.utils import logging

    logging.disable_progress_bar()
    profile, budget = _chosen(parameters)
    compute = available(profile)
    torch.set_num_threads(_threads(parameters))
    set_seed(parameters.seed)
    trainer = lora_trainer(
        AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, compute.dtype)),
        Tokens(base).tokenizer,
        rows,
        profile,
        budget,
        compute,
        folder=work,
        seed=parameters.seed,
        callbacks=[progress(report.log, budget.steps)],
    )
    checkpoint = last_checkpoint(work, before=budget.steps)
    if checkpoint is not None:
        report.log(f"Resuming from {checkpoint.name}.")
    trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    return trainer, None if checkpoint is None else int(re.sub(r"\D", "", checkpoint.name))


def _store(model: Any, made: Training, layout: Layout) -> Training:
    """Write the adapter folder under its content hash; the same adapter twice is one folder with the last record.

    An older record may be damaged, or tell of a recipe with which nobody would look for the adapter.
    """
    layout.adapter("x").parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".adapter-", dir=layout.adapter("x").parent))
    try:
        for config in model.peft_config.values():
            config.base_model_name_or_path = made.base.name
        model.save_pretrained(partial, save_embedding_layers=False)
        sha256 = sha256_file(partial / "adapter_model.safetensors")
        stored = made.model_copy(update={"adapter_sha256": sha256})
        (partial / RECORD).write_text(stored.model_dump_json(indent=2) + "\n")
        (partial / "README.md").write_text(_card(stored))
        partial.chmod(0o755)
        for file in partial.iterdir():
            file.chmod(0o644)
        if layout.adapter(sha256).exists():
            shutil.rmtree(layout.adapter(sha256))
        partial.replace(layout.adapter(sha256))
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return read_record(layout.adapter(stored.adapter_sha256))


def read_record(adapter: Path) -> Training:
    """The record of a stored adapter.

    Raises:
        TrainingError: when `training.json` is missing or not a record.
    """
    try:
        return Training.model_validate_json((adapter / RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        raise TrainingError(f"{adapter} holds no {RECORD} that can be read; train again.") from error


def _card(made: Training) -> str:
    note = f" {made.base.note}" if made.base.note else ""
    return (
        f"LoRA adapter for {made.base.name} ({made.base.licence}).{note}\n\n"
        f"Maps detector labels to the canonical taxonomy. Everything that made it is in `{RECORD}`.\n"
    )


def main(argv: list[str] | None = None) -> None:
    """Entry point, under Dagster Pipes or by hand."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with session(TrainLora, argv) as (parameters, report):
        report.result(train(parameters, report).model_dump(mode="json"))


if __name__ == "__main__":
    main()
