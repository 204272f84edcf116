"""Dataset, base model, adapter and retriever. What takes long runs in its own process and reports through Pipes."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import JsonValue

from mapper_assets.assets.config import detectors, golden_set, lexicon, taxonomy
from mapper_assets.automation import on_data_change
from mapper_assets.failures import told_plainly
from mapper_assets.provenance import SHA256, Described, existing, recorded_sha256
from mapper_assets.resources import Artifacts, Recipe, Scripts, Sources
from mapper_domain.layout import Layout

if TYPE_CHECKING:
    from mapper_assets.training.train_lora import Training, TrainLora
    from mapper_assets.training.train_retriever import Fitted

DATASET = dg.AssetKey(["training", "dataset"])
BASE_MODEL = dg.AssetKey(["training", "base_model"])
LORA_ADAPTER = dg.AssetKey(["training", "lora_adapter"])
RETRIEVER = dg.AssetKey(["training", "retriever"])
TRAINING_POOL = "training"
"""Pool of everything that fills the machine: one run of it at a time."""


@dg.asset(
    key=DATASET,
    deps=[taxonomy, detectors, lexicon, golden_set],
    group_name="training",
    kinds={"jsonl"},
    owners=["team:ml-platform"],
    code_version="2",
    automation_condition=on_data_change(retry=True),
)
def dataset(artifacts: Artifacts, sources: Sources, recipe: Recipe) -> dg.MaterializeResult[None]:
    """Training rows made of lessons: sorted and seeded, so that the same reviewed files give the same bytes."""
    from mapper_assets.training import dataset as data

    with told_plainly():
        made, rows = data.make(sources.path, sources.golden, artifacts.layout, recipe.profile, recipe.seed)
    metadata = dataset_metadata(data.rows_by_label(rows), made.rows) | {
        SHA256: made.sha256,
        "profile": made.profile,
        "seconds": made.seconds,
        "file": dg.MetadataValue.path(str(artifacts.layout.dataset(made.sha256))),
    }
    return dg.MaterializeResult(data_version=dg.DataVersion(made.sha256), metadata=metadata)


@dg.asset(
    key=RETRIEVER,
    deps=[taxonomy, detectors, lexicon, golden_set],
    group_name="training",
    kinds={"scikitlearn", "pytorch"},
    owners=["team:ml-platform"],
    pool=TRAINING_POOL,
    automation_condition=on_data_change(retry=True),
)
def retriever(
    context: dg.AssetExecutionContext, scripts: Scripts, artifacts: Artifacts, sources: Sources, recipe: Recipe
) -> dg.MaterializeResult[None]:
    """The retriever, named by the SHA-256 of its weights: spellings of every lesson, meanings of those not held out."""
    from mapper_assets.training.train_retriever import Fitted

    extras: dict[str, JsonValue] = {
        "root": sources.root,
        "artifacts": artifacts.root,
        "profile": recipe.profile,
        "seed": recipe.seed,
    }
    made = Fitted.model_validate(scripts.run(context, "mapper_assets.training.train_retriever", extras))
    return dg.MaterializeResult(
        data_version=dg.DataVersion(made.retriever_sha256), metadata=retriever_metadata(made, artifacts.layout)
    )


@dg.asset(
    key=BASE_MODEL,
    group_name="training",
    kinds={"huggingface"},
    owners=["team:ml-platform"],
    pool=TRAINING_POOL,
    automation_condition=on_data_change(retry=True),
)
def base_model(
    context: dg.AssetExecutionContext, scripts: Scripts, artifacts: Artifacts, recipe: Recipe
) -> dg.MaterializeResult[None]:
    """The base model as safetensors; converted once, then only checked."""
    extras = {"artifacts": artifacts.root, "base": recipe.base_model}
    source = scripts.run(context, "mapper_assets.training.prepare_base", extras)
    folder = artifacts.layout.base_model(recipe.base_model)
    metadata = source | {"folder": dg.MetadataValue.path(str(folder))}
    return dg.MaterializeResult(data_version=dg.DataVersion(str(source[SHA256])), metadata=metadata)


@dg.asset(
    key=LORA_ADAPTER,
    deps=[DATASET, BASE_MODEL],
    group_name="training",
    kinds={"huggingface", "pytorch"},
    owners=["team:ml-platform"],
    pool=TRAINING_POOL,
    automation_condition=on_data_change(retry=True),
)
def lora_adapter(
    context: dg.AssetExecutionContext, scripts: Scripts, artifacts: Artifacts, recipe: Recipe
) -> dg.MaterializeResult[None]:
    """The trained LoRA adapter, named by the SHA-256 of its weights. A recipe that was run before is not run again."""
    from mapper_assets.training.reuse import trained_before
    from mapper_assets.training.train_lora import Training

    with told_plainly():
        wanted = _wanted(artifacts, recipe, recorded_sha256(context.instance, DATASET))
        made = trained_before(wanted, recorded_sha256(context.instance, BASE_MODEL))
    reused = made is not None
    if made is None:
        parameters = wanted.model_dump(mode="json")
        made = Training.model_validate(scripts.run(context, "mapper_assets.training.train_lora", parameters))
    metadata = adapter_metadata(made, artifacts.layout) | {"reused": reused}
    return dg.MaterializeResult(data_version=dg.DataVersion(made.adapter_sha256), metadata=metadata)


def _wanted(artifacts: Artifacts, recipe: Recipe, dataset_sha256: str) -> "TrainLora":
    from mapper_assets.training.train_lora import TrainLora

    existing(artifacts.layout.dataset(dataset_sha256), DATASET)
    return TrainLora(
        artifacts=Path(artifacts.root),
        dataset=dataset_sha256,
        base=recipe.base_model,
        profile=recipe.profile,
        seed=recipe.seed,
    )


def dataset_metadata(by_label: Mapping[str, int], rows: int) -> dict[str, Described]:
    """How many rows there are, and a table of rows and labels by category."""
    categories = Counter({label.split(".", 1)[0]: 0 for label in by_label})
    for label, count in by_label.items():
        categories[label.split(".", 1)[0]] += count
    labels = Counter(label.split(".", 1)[0] for label in by_label)
    table = [f"| {category} | {count} | {labels[category]} |" for category, count in categories.most_common()]
    return {
        "dagster/row_count": rows,
        "labels": len(by_label),
        "rows_of_most_frequent_label": max(by_label.values(), default=0),
        "rows_by_category": dg.MetadataValue.md(
            "\n".join(("| category | rows | labels |", "| --- | ---: | ---: |", *table))
        ),
    }


def retriever_metadata(made: "Fitted", layout: Layout) -> dict[str, Described]:
    """What the retriever was fitted on, and how long that took."""
    return {
        SHA256: made.retriever_sha256,
        "folder": dg.MetadataValue.path(str(layout.retriever(made.retriever_sha256))),
        "lessons": made.lessons,
        "lessons_of_sentence_classifier": made.tuned_on[0],
        "seconds": made.seconds,
        "catalog_sha256": made.catalog_sha256,
        "lexicon_sha256": made.lexicon_sha256,
        "lessons_by_source": dg.MetadataValue.md(_counts("source", made.by_source)),
        "lessons_by_label": dg.MetadataValue.md(_counts("label", made.by_label)),
    }


def _counts(name: str, counts: Mapping[Any, int]) -> str:
    return "\n".join((f"| {name} | lessons |", "| --- | ---: |", *(f"| {key} | {n} |" for key, n in counts.items())))


def adapter_metadata(made: "Training", layout: Layout) -> dict[str, Described]:
    """What made the adapter, and how its loss fell."""
    from mapper_assets.pictures import inline, loss_curve

    return {
        SHA256: made.adapter_sha256,
        "folder": dg.MetadataValue.path(str(layout.adapter(made.adapter_sha256))),
        "dataset_sha256": made.dataset_sha256,
        "base_model": made.base_model.name,
        "profile": made.budget.name,
        "rank": made.base.rank,
        "rows": made.rows,
        "steps": made.steps,
        "seconds": made.seconds,
        "first_loss": made.loss_curve[0].loss,
        "last_loss": made.loss_curve[-1].loss,
        "loss_curve": inline(loss_curve(made.loss_curve), "training loss by step"),
    }
