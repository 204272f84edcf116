"""Fits the retriever and stores it below the hash of its weights.

Run as `python -m mapper_assets.training.train_retriever --artifacts artifacts`, or by Dagster Pipes with the same
names as extras. Its classifier of spellings learns every lesson there is: how good one is, is estimated by
cross-validation, and what is released is then fitted on everything, as is usual. Its sentence classifier takes minutes
to tune, so the one that is examined is released: like the adapter it never saw what is held out.
"""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from mapper_assets.training import dataset, golden, sentences
from mapper_assets.training.lessons import Lesson, Source, by_label, by_source, fewer, lessons
from mapper_assets.training.profiles import BUDGETS
from mapper_assets.training.session import Report, session
from mapper_assets.training.splits import DEFAULT_SEED, plan
from mapper_assets.training.wrapping import wrapped
from mapper_domain.catalog import content_hash, load
from mapper_domain.errors import MapperError
from mapper_domain.layout import Layout
from mapper_domain.lexicon import load as load_lexicon
from mapper_domain.question import Question
from mapper_domain.release import sha256_file
from mapper_domain.value import Value

if TYPE_CHECKING:
    from mapper_model.retriever import Retriever, Sentences

RECORD = "retriever.json"
RECIPE = "4"
"""To be raised whenever the same lessons give a retriever that answers differently, so that none is used again."""

WRAPPED: frozenset[Source] = frozenset({"mapping", "taxonomy", "form", "described", "invented", "synthetic"})
WRAPPED_SHARE = 0.4
"""Part of the label strings from these sources that is learnt in a wrapper, too."""

LIBRARIES = ("numpy", "scikit-learn", "torch", "transformers", "tokenizers")


class RetrieverError(MapperError):
    """A retriever cannot be stored, or one that was stored is not there or cannot be read."""


class TrainRetriever(Value):
    """Fit the retriever.

    Attributes:
        root: the catalogue root, with the lexicon below it.
        artifacts: the artefact root.
        profile: name of the budget that says how many lessons are learnt.
        seed: of invented lessons and of the fit.
        threads: compute threads; 0 for all cores.
    """

    root: Path = Path()
    artifacts: Path = Path("artifacts")
    profile: str = "default"
    seed: int = DEFAULT_SEED
    threads: int = 0


class Fitted(Value):
    """Content of `retriever.json`: everything that made the retriever beside it.

    Attributes:
        retriever_sha256: SHA-256 (hex) of its safetensors weights.
        lessons: how many it learnt from.
        lessons_sha256: content hash of the lessons.
        tuned_on: how many of them its sentence classifier learnt from, and their content hash.
        by_source: lessons by where they come from.
        by_label: lessons by the label they teach.
        seconds: time of the fit.
    """

    retriever_sha256: str
    recipe: str
    lessons: int
    lessons_sha256: str
    tuned_on: tuple[int, str]
    by_source: Mapping[Source, int]
    by_label: Mapping[str, int]
    catalog_sha256: str
    lexicon_sha256: str
    seed: int
    threads: int
    seconds: float
    libraries: Mapping[str, str]


class Storable(Protocol):
    """A fitted retriever, as far as storing it goes."""

    def save(self, folder: Path) -> None:
        """Write its files, one of them safetensors weights."""


class Fit(Protocol):
    """What makes a retriever of lessons and a sentence classifier."""

    def __call__(
        self, lessons: Sequence[Lesson], labels: Sequence[str], sentences: "Sentences", *, seed: int, threads: int
    ) -> Storable:
        """A retriever over all the labels."""


class Tune(Protocol):
    """What makes a sentence classifier of lessons (`mapper_assets.training.sentences.tuned`)."""

    def __call__(
        self,
        lessons: Sequence[Lesson],
        labels: Sequence[str],
        layout: Layout,
        *,
        steps: int,
        seed: int,
        threads: int,
        log: Callable[[str], None],
    ) -> "Sentences":
        """A classifier of all the labels."""


def recipe() -> str:
    """Another whenever the same lessons would give another retriever in as many steps."""
    return f"{RECIPE}.{sentences.RECIPE}"


def fit(
    lessons: Sequence[Lesson], labels: Sequence[str], sentences: "Sentences", *, seed: int, threads: int
) -> "Retriever":
    """A retriever over all the labels.

    Args:
        lessons: what the classifier of spellings learns; a label without any lesson is only ever improbable.
        labels: all labels.
        sentences: a classifier of the same labels.
        seed: decides which texts are repeated in a wrapper, and in which order examples are seen.
        threads: compute threads of this whole process.
    """
    import numpy as np
    import torch

    from mapper_assets.training.classifier import Features, learn
    from mapper_model.features import Reader
    from mapper_model.retriever import Retriever

    torch.set_num_threads(threads)
    rows = examples(lessons, seed)
    questions, answers = [question for question, _ in rows], [answer for _, answer in rows]
    reader = Reader.learn(questions)
    features = Features(reader.read(questions), np.zeros((len(rows), 0), dtype=np.float32))
    learnt = learn(features, answers, labels, seed=seed)
    return Retriever(labels, reader, sentences, ngrams=learnt["ngrams"], intercept=learnt["intercept"])


def examples(lessons: Sequence[Lesson], seed: int) -> list[tuple[Question, str]]:
    """Questions with the label to give, distinct and sorted: the lessons, some of them in a wrapper as well."""
    found: set[tuple[str, str, str, str]] = set()
    for lesson in lessons:
        chance = random.Random(f"{seed}:{lesson.source}:{lesson.text}:{lesson.detector}")  # noqa: S311  (no secret)
        if lesson.source == "description":
            found.add(("", "", lesson.text, lesson.target))
            continue
        found.add((lesson.detector, lesson.text, lesson.description, lesson.target))
        if lesson.source in WRAPPED and chance.random() < WRAPPED_SHARE:
            text = wrapped(lesson.text, lesson.target, chance)
            found.add((lesson.detector, text, lesson.description, lesson.target))
    return [
        (Question(detector=detector, label=text, description=description), target)
        for detector, text, description, target in sorted(found)
    ]


def train(parameters: TrainRetriever, report: Report, *, fit: Fit = fit, tune: Tune = sentences.tuned) -> Fitted:
    """Fit, store below the hash of the weights and return the record. The same recipe is not fitted twice.

    Raises:
        CatalogError, GoldenError: when the reviewed files cannot be used.
        RetrieverError: when the retriever cannot be stored.
    """
    layout, catalog = Layout(parameters.artifacts), load(parameters.root)
    lexicon = load_lexicon(parameters.root, catalog.taxonomy, catalog.detectors)
    budget, seed = BUDGETS[parameters.profile], parameters.seed
    learnt = fewer(lessons(catalog, lexicon, seed), budget.lessons, seed)
    cases = golden.read(parameters.root / golden.FOLDER)
    examined = fewer(dataset.lessons_of(catalog, lexicon, plan(catalog), cases, seed=seed), budget.lessons, seed)
    threads = sentences.cores(parameters.threads)
    wanted = Fitted(
        retriever_sha256="",
        recipe=f"{recipe()}.{budget.sentence_steps}",
        lessons=len(learnt),
        lessons_sha256=content_hash(learnt),
        tuned_on=(len(examined), content_hash(examined)),
        by_source=by_source(learnt),
        by_label=by_label(learnt),
        catalog_sha256=catalog.sha256,
        lexicon_sha256=content_hash(lexicon),
        seed=seed,
        threads=threads,
        seconds=0.0,
        libraries={name: metadata.version(name) for name in LIBRARIES},
    )
    if made := fitted_before(wanted, layout):
        report.log(f"Retriever {made.retriever_sha256[:16]} was fitted on these {made.lessons} lessons before.")
        return made
    labels = [label.name for label in catalog.taxonomy.labels]
    started = time.monotonic()
    meaning = tune(examined, labels, layout, steps=budget.sentence_steps, seed=seed, threads=threads, log=report.log)
    report.log(f"Fitting a retriever of {len(labels)} labels on {len(learnt)} lessons with {threads} threads.")
    retriever = fit(learnt, labels, meaning, seed=seed, threads=threads)
    made = _store(retriever, wanted.model_copy(update={"seconds": round(time.monotonic() - started, 1)}), layout)
    report.log(f"Retriever {made.retriever_sha256[:16]} after {made.seconds:.0f} s.")
    return made


def fitted_before(wanted: Fitted, layout: Layout) -> Fitted | None:
    """The record of an intact retriever that the same recipe made, newest first, or None."""
    found = layout.retriever("x").parent.glob(f"[!.]*/{RECORD}")
    for path in sorted(found, key=lambda path: path.stat().st_mtime, reverse=True):
        try:
            made = read_record(path.parent)
        except RetrieverError:
            continue
        own = {"retriever_sha256": made.retriever_sha256, "threads": made.threads, "seconds": made.seconds}
        if made == wanted.model_copy(update=own) and _weights(path.parent) == made.retriever_sha256:
            return made
    return None


def read_record(folder: Path) -> Fitted:
    """The record of a stored retriever.

    Raises:
        RetrieverError: when it is missing or not a record.
    """
    try:
        return Fitted.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        raise RetrieverError(f"{folder} holds no {RECORD} that can be read; materialise training/retriever.") from error


def _store(retriever: Storable, made: Fitted, layout: Layout) -> Fitted:
    """Write the folder under its content hash, in one step; the same weights twice are one folder."""
    layout.retriever("x").parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".retriever-", dir=layout.retriever("x").parent))
    try:
        retriever.save(partial)
        stored = made.model_copy(update={"retriever_sha256": _weights(partial)})
        (partial / RECORD).write_text(stored.model_dump_json(indent=2) + "\n")
        partial.chmod(0o755)
        folder = layout.retriever(stored.retriever_sha256)
        if folder.exists():
            shutil.rmtree(folder)
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return stored


def _weights(folder: Path) -> str:
    """SHA-256 (hex) of the one safetensors file of a retriever.

    Raises:
        RetrieverError: when there is none or more than one.
    """
    weights = sorted(folder.glob("*.safetensors"))
    if len(weights) != 1:
        raise RetrieverError(f"{folder} holds {len(weights)} safetensors files where a retriever has one.")
    return sha256_file(weights[0])


def main(argv: list[str] | None = None) -> None:
    """Entry point, under Dagster Pipes or by hand."""
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with session(TrainRetriever, argv) as (parameters, report):
        fitted = train(parameters, report)
        report.result(fitted.model_dump(mode="json"))


if __name__ == "__main__":
    main()
