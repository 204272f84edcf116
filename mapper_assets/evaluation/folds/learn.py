"""Answers a fold by what was learnt without it: the retriever's opinions and the rivals' guesses."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from mapper_assets.evaluation.folds.held import HeldLabel, Setting, Way, held_labels, strings
from mapper_assets.evaluation.nonsense import Nonsense
from mapper_assets.evaluation.rivals import Guess, examples, train
from mapper_assets.evaluation.scores import RIVALS
from mapper_assets.training.embeddings import Encoder
from mapper_assets.training.lessons import Lesson, fewer, lessons
from mapper_domain.catalog import Catalog
from mapper_domain.lexicon import Lexicon
from mapper_domain.question import Question
from mapper_domain.voices import LogProbs

ASKED: tuple[Way, ...] = ("label", "described")
"""Ways that need an answer each; a vocabulary at once is made of the answers to its labels."""

STRONGEST = ("char_regression", "minilm_char_regression")
"""The rivals of the second setting: the two that lead the first, within a point of each other."""


class Retriever(Protocol):
    """Anything that gives the log-probability of every label (`mapper_model.retriever.Retriever`)."""

    def score(self, questions: Sequence[Question]) -> list[dict[str, float]]:
        """One distribution a question, in order."""


class Fit(Protocol):
    """Anything that makes a retriever of lessons (`mapper_assets.training.train_retriever.fit`)."""

    def __call__(self, lessons: Sequence[Lesson], labels: Sequence[str]) -> Retriever:
        """A retriever over exactly these labels."""


class FoldAnswers(NamedTuple):
    """What learners without a fold say about it.

    Attributes:
        labels: what was asked about, in order.
        opinions: the retriever's, by way, one a label.
        nonsense: the retriever's about labels without a meaning, in order.
        guesses: the rivals', by way and rival, one a label.
    """

    fold: str
    labels: tuple[HeldLabel, ...]
    opinions: Mapping[Way, Sequence[LogProbs]]
    nonsense: Sequence[LogProbs]
    guesses: Mapping[Way, Mapping[str, Sequence[Guess]]]


def answer_fold(
    fold: str,
    detectors: frozenset[str],
    *,
    setting: Setting,
    catalog: Catalog,
    lexicon: Lexicon,
    seed: int,
    invented: Sequence[Nonsense],
    fit: Fit,
    encoder: Encoder,
    log: Callable[[str], None],
) -> FoldAnswers:
    """Learn from everything but a fold and answer the fold.

    Args:
        fold: its name.
        detectors: of the fold.
        setting: whether the lexicon may have the fold's own strings; with the lexicon as shipped only the strongest
            rivals are trained.
        seed: of the lessons.
        invented: labels without a meaning, put to the retriever as well.
        fit: makes the retriever.
        encoder: of the rivals.
    """
    labels = held_labels(catalog, detectors)
    hidden = strings(catalog, detectors) if setting == "strict" else ()
    learnt = fewer(lessons(catalog.without(detectors), lexicon, seed, strict=hidden), None, seed)
    log(f"Fold {fold}, {setting}: {len(learnt)} lessons without {len(detectors)} detectors; {len(labels)} labels.")
    retriever = fit(learnt, [label.name for label in catalog.taxonomy.labels])
    rivals = train(examples(learnt), encoder, RIVALS if setting == "strict" else STRONGEST)
    asked = {way: [label.question(way) for label in labels] for way in ASKED}
    return FoldAnswers(
        fold=fold,
        labels=labels,
        opinions={way: retriever.score(questions) for way, questions in asked.items()},
        nonsense=retriever.score([n.question for n in invented]),
        guesses={
            way: {name: rival.guess(questions) for name, rival in rivals.items()} for way, questions in asked.items()
        },
    )
