"""Labels nobody could map, of a detector nobody knows: an honest mapper refuses them.

They also belong into the calibration: probabilities are normalised over the allowed labels, so a model that
was only ever asked sensible questions would be sure of its answer to any other.
"""

import random
from collections.abc import Sequence

from mapper_assets.evaluation.predict import Opinions
from mapper_assets.evaluation.scores import Refusals
from mapper_assets.evaluation.trust import Calibration, Held
from mapper_assets.evaluation.weights import Judged
from mapper_assets.training import synthetic
from mapper_assets.training.lessons import NONSENSE_LESSONS
from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Trust, decide
from mapper_domain.question import Question
from mapper_domain.rules import RuleMapper
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import normalise
from mapper_domain.value import Value
from mapper_domain.voices import fuse

COUNT = 60
SHARE = 0.1
"""Part of the adapter's calls they may take."""


EVERYDAY = (
    "wooden spoon", "garden fence", "rainy_morning", "greenBicycle", "soup of the day", "MARBLE STAIRCASE",
    "winter coat", "pencil-case", "harvest moon", "kitchen radio", "copper teapot", "violon rouge", "Regenschirm",
    "pan de molde", "campanile", "tablecloth", "brick_wall", "northern lights", "SANDWICH", "chess opening",
    "woolly_jumper", "cinnamon roll", "low tide", "apple orchard",
)  # fmt: skip
"""Words that mean something, but nothing a detector would look for. Harder than strings without a meaning: nobody
was taught any of them, so they are counted apart and fitted on nowhere."""


class Nonsense(Value):
    """A label without a meaning, as an invented detector reports it."""

    detector: str
    label: str

    @property
    def question(self) -> Question:
        """What is asked."""
        return Question(detector=self.detector, label=self.label)

    @property
    def key(self) -> str:
        """What it is held out by."""
        return f"nonsense/{self.label}"


def invent(seed: int) -> tuple[Nonsense, ...]:
    """Strings from the generators of the lessons, but none of the strings learnt.

    Args:
        seed: the lessons' seed.
    """
    learnt = {normalise(text) for text in synthetic.unmappable(seed, NONSENSE_LESSONS)}
    chance = random.Random(f"{seed}:nonsense")  # noqa: S311 - a sample, not a secret
    fresh = [text for text in synthetic.unmappable(seed + 1) if normalise(text) not in learnt]
    return tuple(Nonsense(detector=synthetic.detector_name(chance), label=text) for text in fresh[:COUNT])


def everyday(seed: int) -> tuple[Nonsense, ...]:
    """Everyday words as an invented detector might report them."""
    chance = random.Random(f"{seed}:everyday")  # noqa: S311 - a sample, not a secret
    return tuple(Nonsense(detector=synthetic.detector_name(chance), label=text) for text in EVERYDAY)


def held(invented: Sequence[Nonsense], opinions: Opinions) -> list[Held]:
    """The same for calibration: `OTHER.Unknown` would be right."""
    return [Held(n.key, Judged(opinions[n.question.instruction], (UNKNOWN,))) for n in invented]


def refusals(
    invented: Sequence[Nonsense], known: Catalog, opinions: Opinions, calibration: Calibration, rules: Trust
) -> Refusals:
    """How many of them the whole mapper refuses: it answers `OTHER.Unknown`, being unsure or knowing better."""
    mapper = RuleMapper(known)
    refused = 0
    for n in invented:
        trusted = calibration.trust(n.key, rules)
        probabilities = fuse(opinions[n.question.instruction], trusted.weights)
        answer = decide(mapper.find(n.detector, n.label), probabilities, trust=trusted, said=(n.label,))
        refused += answer.labels == (UNKNOWN,)
    return Refusals(asked=len(invented), refused=refused)
