"""One training of LoRA layers with PEFT and TRL: on which device, in which precision, with which settings.

Whoever has a model and rows of token ids gets a trainer here: `train_lora` for a base model on disk, `bench.gpu`
for random weights of any shape. Files, records and checkpoints are theirs.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mapper_assets.training.profiles import BaseProfile, Budget
from mapper_domain.value import Value

if TYPE_CHECKING:
    from transformers import TrainerCallback
else:
    TrainerCallback = object


class Compute(Value):
    """Where and how precisely a training computes.

    Attributes:
        device: `cuda` or `cpu`.
        dtype: of the frozen weights.
        autocast: whether matrix products run in bfloat16; LoRA weights stay float32 either way.
        checkpointing: whether activations are recomputed to save memory (Chen et al. 2016, arXiv:1604.06174).
    """

    device: Literal["cpu", "cuda"]
    dtype: Literal["float32", "bfloat16"]
    autocast: bool
    checkpointing: bool


def choose(profile: BaseProfile, *, cuda: bool, bf16: bool) -> Compute:
    """What a profile computes on: a GPU where there is one, in bfloat16 where profile and GPU both can.

    Args:
        cuda: whether there is a CUDA device.
        bf16: whether it computes in bfloat16 (compute capability 8.0 and later).
    """
    dtype = "float32" if cuda and not bf16 else profile.dtype
    return Compute(
        device="cuda" if cuda else "cpu",
        dtype=dtype,
        autocast=dtype == "bfloat16",
        checkpointing=profile.checkpointing,
    )


def available(profile: BaseProfile) -> Compute:
    """What a profile computes on here."""
    import torch

    cuda = torch.cuda.is_available()
    return choose(profile, cuda=cuda, bf16=cuda and torch.cuda.is_bf16_supported(including_emulation=False))


def lora_trainer(
    model: Any,
    tokenizer: Any,
    rows: Sequence[dict[str, list[int]]],
    profile: BaseProfile,
    budget: Budget,
    compute: Compute,
    *,
    folder: Path,
    seed: int,
    callbacks: Sequence[TrainerCallback],
) -> Any:
    """A trainer that is ready to train.

    Args:
        model: a causal language model with frozen weights of `compute.dtype`.
        tokenizer: for its padding token only.
        rows: `input_ids`, and a `completion_mask` that is 1 on what is learnt.
        profile: LoRA settings and learning rate.
        budget: steps and batch size.
        compute: device and precision.
        folder: for checkpoints.
        seed: of initialisation, row order and dropout.
        callbacks: of the trainer.
    """
    from datasets import Dataset, disable_progress_bars
    from peft import LoraConfig
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    disable_progress_bars()
    model.config.use_cache = False
    trainer = SFTTrainer(
        model=model,
        processing_class=tokenizer,
        train_dataset=Dataset.from_list(list(rows)),
        peft_config=LoraConfig(
            r=profile.rank,
            lora_alpha=profile.alpha,
            lora_dropout=profile.dropout,
            target_modules=list(profile.targets),
            task_type="CAUSAL_LM",
        ),
        args=SFTConfig(
            output_dir=str(folder),
            max_steps=budget.steps,
            per_device_train_batch_size=budget.batch_size,
            train_sampling_strategy="group_by_length",
            learning_rate=profile.learning_rate,
            lr_scheduler_type="cosine",
            warmup_steps=round(budget.warmup * budget.steps),
            completion_only_loss=True,
            max_length=profile.max_length,
            gradient_checkpointing=compute.checkpointing,
            gradient_checkpointing_kwargs={"use_reentrant": False} if compute.checkpointing else None,
            bf16=compute.autocast,
            use_cpu=compute.device == "cpu",
            dataloader_pin_memory=compute.device == "cuda",
            logging_steps=max(1, budget.steps // 30),
            save_steps=budget.checkpoint_every,
            save_total_limit=2,
            seed=seed,
            report_to=[],
            disable_tqdm=True,
        ),
        callbacks=list(callbacks),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def progress(log: Callable[[str], None], steps: int) -> TrainerCallback:
    """A trainer callback that reports every loss and notes the training time beside it."""
    from transformers import TrainerCallback

    class Progress(TrainerCallback):  # type: ignore[misc]
        """Lives here because its base class is heavy to import."""

        started = earlier = 0.0

        def on_train_begin(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            self.started = time.monotonic()
            self.earlier = max((entry.get("seconds", 0.0) for entry in state.log_history), default=0.0)

        def on_log(self, _args: Any, state: Any, _control: Any, **_: Any) -> None:
            entry = state.log_history[-1]
            if "loss" not in entry:
                return
            entry["seconds"] = round(self.earlier + time.monotonic() - self.started, 1)
            left = entry["seconds"] / state.global_step * (steps - state.global_step)
            log(f"step {state.global_step}/{steps}  loss {entry['loss']:.4f}  about {left:.0f} s left")

    return Progress()
