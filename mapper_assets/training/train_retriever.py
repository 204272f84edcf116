"""Fits the retriever on every lesson there is, and stores it below the hash of its weights.

Run as `python -m mapper_assets.training.train_retriever --artifacts artifacts`, or by Dagster Pipes with the same
names as extras. Nothing is held out here: how good a retriever is, is estimated by cross-validation, and what is
released is then fitted on everything, as is usual.
"""

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pydantic import ValidationError

from mapper_assets.training.lessons import Lesson, Source, by_label, by_source, fewer, lessons
from mapper_assets.training.profiles import BUDGETS
from mapper_assets.training.session import Report, session
from mapper_assets.training.splits import DEFAULT_SEED
from mapper_assets.training.wrapping import wrapped
from mapper_domain.catalog import content_hash, load
from mapper_domain.errors import MapperError
from mapper_domain.layout import Layout
from mapper_domain.lexicon import load as load_lexicon
from mapper_domain.question import Question
from mapper_domain.release import sha256_file
from mapper_domain.value import Value

if TYPE_CHECKING:
    from mapper_model.features import Encoder
    from mapper_model.retriever import Retriever

RECORD = "retriever.json"
RECIPE = "1"
"""To be raised whenever `fit` makes other weights of the same lessons, so that none is used again."""

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
        by_source: lessons by where they come from.
        by_label: lessons by the label they teach.
        seconds: time of the fit.
    """

    retriever_sha256: str
    recipe: str
    lessons: int
    lessons_sha256: str
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
    """What makes a retriever of lessons."""

    def __call__(
        self, lessons: Sequence[Lesson], labels: Sequence[str], *, seed: int, threads: int, log: Callable[[str], None]
    ) -> Storable:
        """A retriever over all the labels."""


def fit(
    lessons: Sequence[Lesson],
    labels: Sequence[str],
    *,
    seed: int,
    threads: int,
    log: Callable[[str], None],
    encoder: "Encoder | None" = None,
) -> "Retriever":
    """A retriever over all the labels.

    Args:
        lessons: what to learn from; a label without any lesson is only ever improbable.
        seed: decides which texts are repeated in a wrapper, and in which order examples are seen.
        threads: compute threads of this whole process.
        encoder: the installed sentence encoder by default.
    """
    import torch

    from mapper_assets.training.classifier import learn
    from mapper_model.encoder import SentenceEncoder
    from mapper_model.features import Reader
    from mapper_model.retriever import Retriever

    torch.set_num_threads(threads)
    rows = examples(lessons, seed)
    questions, answers = [question for question, _ in rows], [answer for _, answer in rows]
    reader = Reader.learn(questions, encoder or SentenceEncoder.installed())
    log(f"Reading {len(rows)} examples of {len(lessons)} lessons: {len(reader.ngrams)} n-grams, and their embeddings.")
    features = reader.read(questions)
    log("Fitting the classifier.")
    return Retriever(labels, reader, **learn(features, answers, labels, seed=seed))


def remembering(layout: Layout) -> Fit:
    """`fit` with the sentence embeddings that earlier runs left below the artefacts."""
    from mapper_assets.training.embeddings import Remembering
    from mapper_model.encoder import SentenceEncoder

    return partial(fit, encoder=Remembering(SentenceEncoder.installed(), layout.embeddings))


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


def train(parameters: TrainRetriever, report: Report, *, fit: Fit) -> Fitted:
    """Fit, store below the hash of the weights and return the record. The same recipe is not fitted twice.

    Raises:
        CatalogError: when catalogue or lexicon are not valid.
        RetrieverError: when the retriever cannot be stored.
    """
    layout, catalog = Layout(parameters.artifacts), load(parameters.root)
    lexicon = load_lexicon(parameters.root, catalog.taxonomy, catalog.detectors)
    everything = lessons(catalog, lexicon, parameters.seed)
    learnt = fewer(everything, BUDGETS[parameters.profile].lessons, parameters.seed)
    threads = parameters.threads or os.cpu_count() or 1
    wanted = Fitted(
        retriever_sha256="",
        recipe=RECIPE,
        lessons=len(learnt),
        lessons_sha256=content_hash(learnt),
        by_source=by_source(learnt),
        by_label=by_label(learnt),
        catalog_sha256=catalog.sha256,
        lexicon_sha256=content_hash(lexicon),
        seed=parameters.seed,
        threads=threads,
        seconds=0.0,
        libraries={name: metadata.version(name) for name in LIBRARIES},
    )
    if made := fitted_before(wanted, layout):
        report.log(f"Retriever {made.retriever_sha256[:16]} was fitted on these {made.lessons} lessons before.")
        return made
    labels = [label.name for label in catalog.taxonomy.labels]
    report.log(f"Fitting a retriever of {len(labels)} labels on {len(learnt)} lessons with {threads} threads.")
    started = time.monotonic()
    retriever = fit(learnt, labels, seed=parameters.seed, threads=threads, log=report.log)
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
        fitted = train(parameters, report, fit=remembering(Layout(parameters.artifacts)))
        report.result(fitted.model_dump(mode="json"))


if __name__ == "__main__":
    main()
