"""How a lesson is put as a question: in which spelling, by which detector, with which context.

What the detector's name and kind are, and whether a description stands beside the label, varies from row to row, so
that an adapter learns to use what is there and to do without what is not.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from mapper_assets.training import synthetic
from mapper_assets.training.augmentation import spellings
from mapper_assets.training.balance import DESCRIBED, Pick
from mapper_assets.training.golden import PLAIN, GoldenCase, for_evaluation, variants
from mapper_assets.training.lessons import Lesson
from mapper_assets.training.splits import SplitPlan, share
from mapper_domain.catalog import Catalog
from mapper_domain.question import Question

KIND_SHARE = 0.6
"""Part of the rows of a known detector that say what it looks for."""

GUESSED_KIND_SHARE = 0.3
AFFIX_SHARE = 0.15
AS_WRITTEN_SHARE = 0.25


class Wording:
    """Turns picks into questions. No question is a golden case, in whatever dress.

    Args:
        catalog: the whole catalogue.
        taught: the lessons; their descriptions and kinds also serve other lessons of the same label.
        split: which spellings belong to the golden set's pool.
        golden: cases whose spellings must not appear.
        seed: of every choice.
    """

    def __init__(
        self, catalog: Catalog, taught: Sequence[Lesson], split: SplitPlan, golden: Iterable[GoldenCase], *, seed: int
    ) -> None:
        self._catalog, self._taught, self._split, self._seed = catalog, taught, split, seed
        self._reserved = {case.key for case in golden}
        self._pools: dict[str, Mapping[tuple[str | None, str], tuple[str, ...]]] = {}

    def question(self, pick: Pick) -> Question | None:
        """The question, or None where the label has no other spelling that may be trained on."""
        lesson, turn = pick
        chance = random.Random(f"{self._seed}:{turn}:{lesson.text}:{lesson.detector}")  # noqa: S311  (no secret)
        detector = lesson.detector or synthetic.detector_name(chance)
        text = self._spelt(lesson, turn, detector, chance)
        if text is None:
            return None
        kind, description = self._context(lesson, chance)
        return Question(detector=detector, label=text, kind=kind, field=lesson.field, description=description)

    def _spelt(self, lesson: Lesson, turn: int, detector: str, chance: random.Random) -> str | None:
        match lesson.source:
            case "mapping":
                return self._trainable(lesson, turn)
            case "description":
                return synthetic.code(chance)
            case "nonsense" | "synthetic":
                return lesson.text if turn == 0 else None
            case "invented" if turn == 0:
                return lesson.text
        return _respelt(lesson, detector, chance)

    def _context(self, lesson: Lesson, chance: random.Random) -> tuple[str, str]:
        """Kind and description: the lesson's own, or where nobody in particular says it, now and then fitting ones."""
        if lesson.detector:
            return (lesson.kind if chance.random() < KIND_SHARE else "", lesson.description)
        kinds, descriptions = self._kinds.get(lesson.target, ()), self._descriptions.get(lesson.target, ())
        kind = chance.choice(kinds) if kinds and chance.random() < GUESSED_KIND_SHARE else ""
        if lesson.source == "description":
            return kind, lesson.text
        if lesson.description or lesson.source == "nonsense" or not descriptions or chance.random() >= DESCRIBED:
            return kind, lesson.description
        return kind, chance.choice(descriptions)

    def _trainable(self, lesson: Lesson, turn: int) -> str | None:
        """Its own spelling where no golden case has it, then variants of the training pool."""
        if lesson.detector not in self._pools:
            self._pools[lesson.detector] = variants(self._catalog.detector(lesson.detector))
        others = self._pools[lesson.detector][lesson.field, lesson.text]
        pool = [other for other in others if not for_evaluation(self._split, lesson.detector, lesson.text, other)]
        pool.sort(key=lambda other: share(self._split.seed, "train", lesson.detector, other))
        free = [text for text in (lesson.text, *pool) if (lesson.detector, lesson.field, text) not in self._reserved]
        return free[turn] if turn < len(free) else None

    @cached_property
    def _kinds(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for lesson in self._taught:
            if lesson.kind:
                found[lesson.target].add(lesson.kind)
        return {label: sorted(kinds) for label, kinds in found.items()}

    @cached_property
    def _descriptions(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for lesson in self._taught:
            if lesson.source == "description":
                found[lesson.target].append(lesson.text)
        return found


def _respelt(lesson: Lesson, detector: str, chance: random.Random) -> str:
    """A form as it may come: as written, in another format, sometimes with what integrators put around it."""
    plain = PLAIN.isdisjoint(lesson.canonical)
    affixes = plain and chance.random() < AFFIX_SHARE
    others = [
        spelling.text
        for spelling in spellings(lesson.text, detector, affixes=affixes)
        if not affixes or spelling.style in ("affix", "plural")
    ]
    return lesson.text if not others or chance.random() < AS_WRITTEN_SHARE else chance.choice(others)
