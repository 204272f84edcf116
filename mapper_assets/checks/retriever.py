"""Checks of the retriever: complete, the recorded one, and at home in the vocabularies it was fitted on."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import dagster as dg

from mapper_assets.assets.training import RETRIEVER
from mapper_assets.checks.results import found, or_fails
from mapper_assets.provenance import existing, recorded_sha256
from mapper_assets.resources import Artifacts, Sources
from mapper_domain.catalog import Catalog, load
from mapper_domain.question import Question
from mapper_domain.release import sha256_file

LEAST_RIGHT = 0.95
"""Least part of the catalogue's own labels it must map as reviewed; less says that the fit went wrong."""


class Scorer(Protocol):
    """Anything that answers questions with log-probabilities (`mapper_model.retriever.Retriever`)."""

    def score(self, questions: Sequence[Question]) -> list[dict[str, float]]:
        """Natural-log probability of every label for each question."""


def file_problems(folder: Path) -> list[str]:
    """What is wrong with a retriever's folder: no record, or weights that are not what it is named by."""
    problems = [] if (folder / "retriever.json").is_file() else ["retriever.json is missing."]
    if folder.name not in {sha256_file(path) for path in folder.glob("*.safetensors")}:
        problems.append("No weights with the SHA-256 its folder is named by are there.")
    return problems


def known_questions(catalog: Catalog) -> list[tuple[Question, tuple[str, ...]]]:
    """Every label that means something without its description, with the labels that are right."""
    return [
        (Question(detector=detector.name, label=m.label, kind=detector.kind, field=m.field), m.taxonomy)
        for detector in catalog.detectors
        for m in detector.maps
        if not m.opaque
    ]


def answer_problems(
    answers: Sequence[tuple[Mapping[str, float], tuple[str, ...]]], labels: Iterable[str], least: float = LEAST_RIGHT
) -> list[str]:
    """What is wrong with log-probabilities, each given with the labels that are right."""
    names = frozenset(labels)
    if any(names != said.keys() for said, _ in answers):
        return ["Some answer is not about exactly the labels of the taxonomy."]
    if any(abs(math.fsum(map(math.exp, said.values())) - 1.0) > 1e-3 for said, _ in answers):
        return ["Some probabilities do not sum to one."]
    right = right_share(answers)
    return [] if right >= least else [f"{right:.1%} of the catalogue's labels are mapped as reviewed, not {least:.0%}."]


def right_share(answers: Sequence[tuple[Mapping[str, float], tuple[str, ...]]]) -> float:
    """Part of the answers whose most probable label is right."""
    return sum(max(said, key=lambda name: said[name]) in right for said, right in answers) / len(answers)


@dg.asset_check(asset=RETRIEVER, blocking=True)
@or_fails
def files_complete(context: dg.AssetCheckExecutionContext, artifacts: Artifacts) -> dg.AssetCheckResult:
    """Weights and record are there, and the weights are the recorded ones."""
    return found(file_problems(artifacts.layout.retriever(recorded_sha256(context.instance, RETRIEVER))))


@dg.asset_check(asset=RETRIEVER, blocking=True)
@or_fails
def knows_the_catalogue(
    context: dg.AssetCheckExecutionContext, artifacts: Artifacts, sources: Sources
) -> dg.AssetCheckResult:
    """It loads, gives a distribution over all labels, and maps at least 95 % of the catalogue's labels as reviewed."""
    from mapper_model.retriever import Retriever

    catalog = load(sources.path)
    folder = existing(artifacts.layout.retriever(recorded_sha256(context.instance, RETRIEVER)), RETRIEVER)
    questions, right = zip(*known_questions(catalog), strict=True)
    answers = list(zip(Retriever.load(folder).score(questions), right, strict=True))
    problems = answer_problems(answers, catalog.taxonomy.names)
    return found(problems, {"labels": len(answers), "right": right_share(answers), "threshold": LEAST_RIGHT})


CHECKS = [files_complete, knows_the_catalogue]
