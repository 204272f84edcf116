"""How right the adapter gets with more steps, and what that adds to the retriever.

`python -m mapper_assets.evaluation.learning_curve` trains one adapter without the shipped fold, stops at several
numbers of steps, and asks it each time about labels of the fold. The learning rate falls towards the last of them, so
an earlier point is a little below what a training of that length would reach. What the retriever says of the same
labels comes from the newest cross-validation.
"""

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mapper_assets.evaluation.ask import Scorer, rounded
from mapper_assets.evaluation.crossvalidate import folds_of
from mapper_assets.evaluation.folds.held import HeldLabel, held_labels
from mapper_assets.evaluation.folds.scores import OPINIONS
from mapper_assets.evaluation.folds.store import find, unpacked
from mapper_assets.evaluation.weights import Judged, fit
from mapper_assets.training import dataset, splits
from mapper_assets.training.golden import generate
from mapper_assets.training.prepare_base import DEFAULT_BASE, BaseModelError, read_source
from mapper_assets.training.profiles import BASES, Budget
from mapper_assets.training.session import Report, session
from mapper_assets.training.train_lora import read_rows
from mapper_assets.training.trainer import available, lora_trainer
from mapper_domain.catalog import Catalog, load
from mapper_domain.errors import MapperError
from mapper_domain.layout import Layout
from mapper_domain.lexicon import Lexicon
from mapper_domain.lexicon import load as read_lexicon
from mapper_domain.scoring import Outcome, Score, score
from mapper_domain.text import normalise
from mapper_domain.value import Value
from mapper_domain.voices import LogProbs, Opinion, fuse


class NothingToCompare(MapperError):
    """There is no cross-validation of these files, so nobody knows what the retriever says."""


class LearningCurve(Value):
    """Train one adapter and ask it on the way.

    Attributes:
        root: the catalogue root.
        artifacts: the artefact root.
        steps: optimiser steps at which it is asked, separated by commas; the last one ends the training.
        labels: how many labels of the fold are asked about, spread evenly over its vocabularies; 0 for all.
        batch_size: rows of a step.
        base: name of a base profile.
        seed: of dataset, training and bootstrap.
        threads: compute threads; 0 for all cores.
    """

    root: Path = Path()
    artifacts: Path = Path("artifacts")
    steps: str = "25,50,100,200,400"
    labels: int = 150
    batch_size: int = 8
    base: str = DEFAULT_BASE
    seed: int = splits.DEFAULT_SEED
    threads: int = 0

    @property
    def stops(self) -> tuple[int, ...]:
        """The steps, in order."""
        return tuple(sorted({int(step) for step in self.steps.split(",")}))


class Point(NamedTuple):
    """How right first choices were after so many steps: of the adapter, and of both voices together."""

    steps: int
    adapter: Score
    both: Score


def measure(parameters: LearningCurve, report: Report) -> tuple[Score, list[Point]]:
    """The retriever's score, and the adapter's and theirs together at every stop.

    Raises:
        BaseModelError: when the base model was not prepared.
        NothingToCompare: when the files were not cross-validated.
        CatalogError: when the reviewed files cannot be used.
    """
    from mapper_model.scorer import LabelScorer

    layout, catalog = Layout(parameters.artifacts), load(parameters.root)
    lexicon = read_lexicon(parameters.root, catalog.taxonomy, catalog.detectors)
    asked = _asked(parameters, layout, catalog, lexicon)
    base = layout.base_model(parameters.base)
    if read_source(base) is None:
        raise BaseModelError(f"{base} holds no intact base model. Run: python -m mapper_assets.training.prepare_base")
    labels = [label.name for label in catalog.taxonomy.labels]
    threads = parameters.threads or os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        adapters = _train(parameters, layout, catalog, lexicon, Path(folder), report)
        points = []
        for steps, adapter in adapters.items():
            report.log(f"Asking the adapter of {steps} steps about {len(asked)} labels.")
            said = question(LabelScorer.load(base, adapter, labels, threads=threads), asked)
            points.append(Point(steps, *scores(asked, said, seed=parameters.seed)))
    return _scored(asked, [dict(retrieved) for _, retrieved in asked], parameters.seed), points


def question(adapter: Scorer, asked: Iterable[tuple[HeldLabel, LogProbs]]) -> list[LogProbs]:
    """What an adapter says of every label alone."""
    return [rounded(adapter.score([label.question("label").instruction])[0]) for label, _ in asked]


def scores(asked: Sequence[tuple[HeldLabel, LogProbs]], said: Sequence[LogProbs], *, seed: int) -> tuple[Score, Score]:
    """Scores of the adapter's first choices, and of both voices', weighed on the other half of the labels.

    Args:
        asked: labels, and what the retriever says of each.
        said: what the adapter says of each.
        seed: of the bootstrap.
    """
    opinions: list[Opinion] = [
        {"adapter": adapted, "retriever": retrieved} for adapted, (_, retrieved) in zip(said, asked, strict=True)
    ]
    cases = [Judged(opinion, label.expected) for opinion, (label, _) in zip(opinions, asked, strict=True)]
    weights = [fit(cases[1::2]), fit(cases[::2])]
    both = [fuse(opinion, weights[place % 2]) for place, opinion in enumerate(opinions)]
    return _scored(asked, said, seed), _scored(asked, both, seed)


def lines(retriever: Score, points: Iterable[Point], batch_size: int) -> list[str]:
    """The curve as a Markdown table."""
    return [
        "| steps | rows seen | adapter alone | retriever alone | both |",
        "|---|---|---|---|---|",
        *(
            f"| {p.steps} | {p.steps * batch_size} | {_shown(p.adapter)} | {_shown(retriever)} | {_shown(p.both)} |"
            for p in points
        ),
    ]


def _asked(
    parameters: LearningCurve, layout: Layout, catalog: Catalog, lexicon: Lexicon
) -> Sequence[tuple[HeldLabel, LogProbs]]:
    """Labels of the shipped fold, and what a retriever that never saw them says of each alone."""
    crossed = find(layout, catalog, lexicon)
    if crossed is None:
        raise NothingToCompare(
            "These files were not cross-validated. Run: python -m mapper_assets.evaluation.crossvalidate"
        )
    fold = splits.folds().shipped
    held = held_labels(catalog, folds_of(catalog)[fold])
    said = unpacked(layout.cross_validation(crossed[0]) / OPINIONS)[f"{fold}/label"]
    every = max(1, len(held) // parameters.labels) if parameters.labels else 1
    return list(zip(held, said, strict=True))[::every]


def _train(
    parameters: LearningCurve, layout: Layout, catalog: Catalog, lexicon: Lexicon, folder: Path, report: Report
) -> Mapping[int, Path]:
    """Folders of the adapter by the steps it had taken."""
    import torch
    from transformers import AutoModelForCausalLM, TrainerCallback, set_seed
    from transformers.utils import logging

    from mapper_model.tokens import Tokens

    logging.disable_progress_bar()
    plan, profile = splits.plan(catalog), BASES[parameters.base]
    rows = dataset.build(catalog, lexicon, plan, generate(catalog, plan), profile="full", seed=parameters.seed)
    sha256, path = dataset.write(rows, layout)
    base = layout.base_model(parameters.base)
    tokens, compute = Tokens(base), available(profile)
    torch.set_num_threads(parameters.threads or os.cpu_count() or 1)
    set_seed(parameters.seed)
    stops = parameters.stops
    report.log(f"Training on dataset {sha256[:16]} of {len(rows)} rows, {stops[-1]} steps of {parameters.batch_size}.")

    class Keeping(TrainerCallback):  # type: ignore[misc]
        """Stores the adapter at every stop."""

        def on_step_end(self, _args: Any, state: Any, _control: Any, *, model: Any, **_: Any) -> None:
            if state.global_step in stops:
                model.save_pretrained(folder / str(state.global_step), save_embedding_layers=False)
                report.log(f"step {state.global_step}/{stops[-1]}")

    lora_trainer(
        AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, compute.dtype)),
        tokens.tokenizer,
        read_rows(path, tokens, profile.max_length),
        profile,
        Budget(
            name="curve",
            lessons=None,
            sentence_steps=1,
            rows=len(rows),
            steps=stops[-1],
            batch_size=parameters.batch_size,
            checkpoint_every=stops[-1],
        ),
        compute,
        folder=folder / "checkpoints",
        seed=parameters.seed,
        callbacks=[Keeping()],
    ).train()
    return {steps: folder / str(steps) for steps in stops}


def _scored(asked: Sequence[tuple[HeldLabel, LogProbs]], said: Sequence[Mapping[str, float]], seed: int) -> Score:
    return score([_outcome(label, one) for (label, _), one in zip(asked, said, strict=True)], seed=seed)


def _outcome(label: HeldLabel, said: Mapping[str, float]) -> Outcome:
    return Outcome(
        case=f"{label.detector}/{label.field or ''}/{label.label}",
        unit=normalise(label.label) or label.label,
        detector=label.detector,
        split=splits.folds().shipped,
        expected=label.expected,
        predicted=(max(said, key=lambda name: (said[name], name)),),
        confidence=0.0,
    )


def _shown(found: Score) -> str:
    return f"{found.f1:.3f} ({found.interval.low:.3f}–{found.interval.high:.3f})"


def main(argv: list[str] | None = None) -> None:
    """Entry point."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with session(LearningCurve, argv) as (parameters, report):
        for line in lines(*measure(parameters, report), parameters.batch_size):
            report.log(line)


if __name__ == "__main__":
    main()
