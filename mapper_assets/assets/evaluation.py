"""The evaluations: of a mapper on the golden set, and of mappers and rivals on folds. Judging is for the gates."""

from pathlib import Path

import dagster as dg
from pydantic import JsonValue

from mapper_assets.assets.config import detectors, frameworks, golden_set, lexicon, taxonomy
from mapper_assets.assets.training import DATASET, LORA_ADAPTER, RETRIEVER, TRAINING_POOL
from mapper_assets.automation import on_data_change
from mapper_assets.deployment.release import read_scores
from mapper_assets.evaluation.folds.scores import FoldScores
from mapper_assets.evaluation.scores import ADAPTER, GATED, MAPPER, PAGE, SCORES, SPLITS, SUMMARY, UNSEEN, Scores
from mapper_assets.failures import told_plainly
from mapper_assets.gates import Gates, judge
from mapper_assets.provenance import SHA256, Described, existing, recorded_sha256
from mapper_assets.resources import Artifacts, Recipe, Scripts, Sources, Thresholds
from mapper_domain.layout import Layout
from mapper_domain.release import sha256_text

GOLDEN_SET_EVALUATION = dg.AssetKey(["evaluation", "golden_set_evaluation"])
RETRIEVER_SHA256 = "retriever_sha256"
"""Metadata key of the retriever an evaluation stands beside: a release takes both, never one without the other."""

RIVAL_SCORES = dg.AssetKey(["evaluation", "rival_scores"])


@dg.asset(
    key=GOLDEN_SET_EVALUATION,
    # The catalogue is judged as well as the adapter: reviewed mappings answer first, and the release carries both.
    deps=[DATASET, LORA_ADAPTER, RETRIEVER, golden_set, taxonomy, detectors, lexicon, frameworks],
    group_name="evaluation",
    kinds={"scikitlearn", "json"},
    owners=["team:ml-platform"],
    pool=TRAINING_POOL,
    automation_condition=on_data_change(retry=True),
)
def golden_set_evaluation(
    context: dg.AssetExecutionContext,
    scripts: Scripts,
    artifacts: Artifacts,
    sources: Sources,
    recipe: Recipe,
    thresholds: Thresholds,
) -> dg.MaterializeResult[None]:
    """How right the whole mapper, either voice alone and five rivals are on seen and unseen labels and detectors."""
    with told_plainly():
        adapter = recorded_sha256(context.instance, LORA_ADAPTER)
        existing(artifacts.layout.adapter(adapter), LORA_ADAPTER)
        retriever = recorded_sha256(context.instance, RETRIEVER)
    extras: dict[str, JsonValue] = {
        "artifacts": artifacts.root,
        "root": sources.root,
        "adapter": adapter,
        "profile": recipe.profile,
        "seed": recipe.seed,
    }
    sha256 = str(scripts.run(context, "mapper_assets.evaluation.evaluate", extras)[SHA256])
    return dg.MaterializeResult(
        data_version=dg.DataVersion(sha256_text(f"{sha256} {retriever}")),
        metadata=evaluation_metadata(artifacts.layout, sha256, thresholds.gates) | {RETRIEVER_SHA256: retriever},
    )


@dg.asset(
    key=RIVAL_SCORES,
    deps=[taxonomy, detectors, lexicon, frameworks],
    group_name="evaluation",
    kinds={"scikitlearn", "json"},
    owners=["team:ml-platform"],
    pool=TRAINING_POOL,
)
def rival_scores(
    context: dg.AssetExecutionContext, scripts: Scripts, artifacts: Artifacts, sources: Sources, recipe: Recipe
) -> dg.MaterializeResult[None]:
    """Mapper and rivals on every detector, each answered by what never saw it or its kin. Asked for, not automatic."""
    extras: dict[str, JsonValue] = {"artifacts": artifacts.root, "root": sources.root, "seed": recipe.seed}
    sha256 = str(scripts.run(context, "mapper_assets.evaluation.crossvalidate", extras)[SHA256])
    return dg.MaterializeResult(
        data_version=dg.DataVersion(sha256), metadata=folds_metadata(artifacts.layout.cross_validation(sha256))
    )


def folds_metadata(folder: Path) -> dict[str, Described]:
    """Headline numbers to be plotted, tables and pictures of a cross-validation."""
    from mapper_assets.pictures import inline

    scores = FoldScores.model_validate_json((folder / SCORES).read_bytes())
    strict = scores.settings["strict"]
    numbers = {
        f"{system}_{way}": standing.fold_mean
        for way, standings in strict.standings.items()
        for system, standing in standings.items()
    }
    return {
        SHA256: folder.name,
        "folder": dg.MetadataValue.path(str(folder)),
        "page": dg.MetadataValue.path(str(folder / PAGE)),
        "summary": dg.MetadataValue.md((folder / SUMMARY).read_text()),
        **numbers,
        **{path.stem: inline(path.read_bytes(), path.stem) for path in sorted(folder.glob("*.png"))},
    }


def evaluation_metadata(layout: Layout, sha256: str, gates: Gates) -> dict[str, Described]:
    """Headline numbers to be plotted, tables and pictures to be read."""
    from mapper_assets.pictures import inline

    folder = layout.evaluation(sha256)
    scores = read_scores(folder)
    pictures = {path.stem: inline(path.read_bytes(), path.stem) for path in sorted(folder.glob("*.png"))}
    numbers = {
        f"{system}_f1_{split.replace('+', '_and_')}": scores.systems[system][split].f1
        for system in (MAPPER, ADAPTER)
        for split in (GATED, *SPLITS)
        if split in scores.systems.get(system, {})
    } | {
        f"{system}_first_choice_{split}": by_split[split].f1
        for system, by_split in scores.first.items()
        for split in UNSEEN
        if split in by_split
    }
    return {
        SHA256: sha256,
        "folder": dg.MetadataValue.path(str(folder)),
        "adapter_sha256": scores.inputs.adapter_sha256,
        "model_calls": scores.model_calls,
        "gates": dg.MetadataValue.md(gates_table(scores, gates)),
        "f1_by_detector": dg.MetadataValue.md(detectors_table(scores)),
        "summary": dg.MetadataValue.md((folder / SUMMARY).read_text()),
        "page": dg.MetadataValue.path(str(folder / PAGE)),
        **numbers,
        **pictures,
    }


def gates_table(scores: Scores, gates: Gates) -> str:
    """Every gate with what was measured, as Markdown."""
    rows = [
        f"| {'passed' if v.passed else '**failed**'} | {v.name} | {v.value:.4g} | {v.threshold:.4g} | {v.detail} |"
        for v in judge(scores, gates)
    ]
    return "\n".join(("| | gate | value | threshold | |", "| --- | --- | ---: | ---: | --- |", *rows))


def detectors_table(scores: Scores) -> str:
    """F1 of every detector by system and split, as Markdown; worst of the mapper's gated splits first."""
    columns = [
        (system, split) for split in (GATED, *SPLITS) for system in (MAPPER, ADAPTER) if split in scores.systems[system]
    ]
    tables = {column: scores.systems[column[0]][column[1]].by_detector for column in columns}
    names = sorted({name for table in tables.values() for name in table})
    first = tables.get((MAPPER, GATED), {})
    rows = [
        f"| {name} | " + " | ".join(f"{table[name]:.3f}" if name in table else "–" for table in tables.values()) + " |"
        for name in sorted(names, key=lambda name: (first.get(name, 2.0), name))
    ]
    head = "| detector | " + " | ".join(f"{system}, {split}" for system, split in columns) + " |"
    return "\n".join((head, "| --- |" + " ---: |" * len(columns), *rows))
