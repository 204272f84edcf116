"""Labels nobody could map, of a detector nobody knows: an honest mapper refuses them.

They also belong into the calibration: probabilities are renormalised over the allowed labels, so a model that
was only ever asked sensible questions would be sure of its answer to any other.
"""

import random
from collections.abc import Sequence

from mapper_assets.evaluation.predict import LogProbs
from mapper_assets.evaluation.scores import Refusals
from mapper_assets.evaluation.trust import Calibration, Held
from mapper_assets.training import synthetic
from mapper_domain import prompt
from mapper_domain.catalog import Catalog
from mapper_domain.confidence import Judged, temper
from mapper_domain.ladder import Trust, decide
from mapper_domain.rules import RuleMapper
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import normalise
from mapper_domain.value import Value

MOST = 60
SHARE = 0.1
"""Part of the model calls they may take."""


class Nonsense(Value):
    """A label without a meaning, as an invented detector reports it."""

    detector: str
    label: str

    @property
    def question(self) -> str:
        """What the model is asked."""
        return prompt.instruction(self.detector, self.label)


def invent(seed: int, calls: int) -> tuple[Nonsense, ...]:
    """Strings from the generators of the training rows, but none of the strings trained on.

    Args:
        seed: the training rows' seed.
        calls: how many model calls there are in all.
    """
    trained = {normalise(text) for text in synthetic.unmappable(seed)}
    chance = random.Random(f"{seed}:nonsense")  # noqa: S311 - a sample, not a secret
    fresh = [text for text in synthetic.unmappable(seed + 1) if normalise(text) not in trained]
    return tuple(
        Nonsense(detector=synthetic.detector_name(chance), label=text)
        for text in fresh[: min(MOST, int(SHARE * calls))]
    )


def held(invented: Sequence[Nonsense], logprobs: LogProbs) -> list[Held]:
    """The same for calibration: `OTHER.Unknown` would be right."""
    return [Held(f"nonsense/{n.label}", Judged(logprobs[n.question], (UNKNOWN,))) for n in invented]


def refusals(
    invented: Sequence[Nonsense], known: Catalog, logprobs: LogProbs, calibration: Calibration, trust: Trust
) -> Refusals:
    """How many of them the whole mapper refuses: it answers `OTHER.Unknown`, being unsure or knowing better."""
    rules = RuleMapper(known)
    refused = 0
    for n in invented:
        probabilities = temper(logprobs[n.question], calibration.temperature(f"nonsense/{n.label}"))
        answer = decide(rules.find(n.detector, n.label), probabilities, trust=trust)
        refused += answer.labels == (UNKNOWN,)
    return Refusals(asked=len(invented), refused=refused)
