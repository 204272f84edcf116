"""What a cross-validation found: the content of its `scores.json`. Types only; nothing is computed here."""

from collections.abc import Mapping

from mapper_assets.evaluation.folds.held import Setting, Way
from mapper_assets.evaluation.scores import RIVALS, Refusals, RuleEvidence
from mapper_domain.confidence import Bin, RiskPoint
from mapper_domain.ladder import Trust
from mapper_domain.rules import Match
from mapper_domain.scoring import Difference, Score
from mapper_domain.value import Value
from mapper_domain.voices import Weights

OPINIONS = "opinions.npz"


class Standing(Value):
    """How one system did in one way of asking, over all detectors of all folds.

    Attributes:
        first: of what it would name if it had to, right where that is one of the accepted labels.
        answered: of what it answered; `OTHER.Unknown` counts as a miss. Coverage and precision belong here.
        by_fold: first-choice macro over the detectors of each fold.
        fold_mean: mean of those over folds.
    """

    first: Score
    answered: Score
    by_fold: Mapping[str, float]
    fold_mean: float


class FoldError(Value):
    """A wrong first choice of the mapper, asked with the label alone."""

    fold: str
    detector: str
    label: str
    expected: tuple[str, ...]
    got: str
    confidence: float


class SettingScores(Value):
    """Everything measured with one state of the lexicon.

    Attributes:
        standings: by way of asking and system; a system that was not asked about every fold speaks of those it was.
        gains: first-choice macro of the mapper minus each other system's on the same labels, by way and system.
        trusts: by fold, what its answers rest on: fitted on the other folds.
        nonsense: labels without a meaning, once for each fold's retriever.
        reliability: bins of the mapper's answers, by way.
        risk_coverage: of the mapper's first choices, asked with the label alone.
        confusion: weight of labels by expected and named category, asked with the label alone.
        worst: the mapper's surest errors.
        errors: how many wrong first choices there are in all.
    """

    standings: Mapping[Way, Mapping[str, Standing]]
    gains: Mapping[Way, Mapping[str, Difference]]
    trusts: Mapping[str, Trust]
    nonsense: Refusals
    reliability: Mapping[Way, tuple[Bin, ...]]
    risk_coverage: tuple[RiskPoint, ...]
    confusion: Mapping[str, Mapping[str, float]]
    worst: tuple[FoldError, ...]
    errors: int

    def best_rival(self, way: Way) -> tuple[str, Standing]:
        """The rival with the highest mean over folds, and how it did."""
        found = {name: standing for name, standing in self.standings[way].items() if name in RIVALS}
        return max(found.items(), key=lambda item: (item[1].fold_mean, item[0]))


class FoldInputs(Value):
    """What was cross-validated.

    Attributes:
        recipe: of the retrievers (`mapper_assets.training.train_retriever.recipe`).
        folds: detectors by fold.
        adapters: SHA-256 (hex) of the adapter that never saw a fold, where one was trained, by fold.
    """

    catalog_sha256: str
    lexicon_sha256: str
    taxonomy_version: str
    recipe: str
    seed: int
    folds: Mapping[str, tuple[str, ...]]
    adapters: Mapping[str, str] = {}


class FoldScores(Value):
    """The whole result.

    Attributes:
        settings: by state of the lexicon.
        weights: of the voices, fitted on all folds; the release's `retriever` alone comes from here.
        threshold: of answers, and of Safe, fitted on all folds.
        rules: how right rules were on forgotten labels of all folds.
        files: SHA-256 (hex) of the files written beside this one.
    """

    inputs: FoldInputs
    settings: Mapping[Setting, SettingScores]
    weights: Weights
    threshold: float
    safe_threshold: float
    rules: Mapping[Match, RuleEvidence]
    files: Mapping[str, str] = {}
