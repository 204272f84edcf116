"""What an evaluation found: the content of `scores.json`. Types only; nothing is computed here.

Everything in it follows from the inputs and the seed, so equal inputs give the same bytes; how long it
took is written beside it, in `timing.json`.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from mapper_domain.confidence import Bin, RiskPoint
from mapper_domain.ladder import Trust
from mapper_domain.rules import Match
from mapper_domain.scoring import Difference, Score
from mapper_domain.value import Value

SCORES = "scores.json"
PREDICTIONS = "predictions.jsonl"
ANSWERS = "answers.jsonl"
TIMING = "timing.json"
SUMMARY = "summary.md"

SPLITS = ("seen", "variant", "unseen_label", "unseen_detector")
GATED = "seen+variant"
"""The two splits the F1 and calibration gates look at, taken together."""

UNSEEN = ("unseen_label", "unseen_detector")

MAPPER, ADAPTER = "mapper", "adapter"
RIVALS = ("lookup", "nearest_neighbour", "logistic_regression")
SYSTEMS = (MAPPER, ADAPTER, *RIVALS)

System = Literal["mapper", "adapter", "lookup", "nearest_neighbour", "logistic_regression"]


class GoldenSet(Value):
    """What the golden set consists of.

    Attributes:
        sha256: SHA-256 (hex) of its cases in order.
        by_detector: cases by detector, those that are never gated on included.
        possible: by detector, how many cases its vocabulary and honest variants of it can give, where that is
            less than the gate asks for.
        gated: cases that are scored; ambiguous and opaque labels are not.
        categories: taxonomy categories that at least one case expects, as a share of all.
        missing_categories: those no case expects.
    """

    sha256: str
    by_detector: Mapping[str, int]
    possible: Mapping[str, int] = Field(default_factory=dict)
    gated: int
    categories: float
    missing_categories: tuple[str, ...] = ()


class RuleEvidence(Value):
    """How often a kind of rule was right where it fired on labels the catalogue had been made to forget.

    Attributes:
        fired: distinct labels it fired on.
        right: of those, how many it mapped rightly.
        reliability: the two with the rule of succession, (right + 1) / (fired + 2), so that few cases never give 1.0.
    """

    fired: int
    right: float
    reliability: float


class TemperatureFit(Value):
    """How the model's log-probabilities were calibrated.

    Attributes:
        cases: held-out cases it was fitted on.
        shipped: fitted on all of them; part of the release.
        folds: fitted on either half; every reported number uses the half a case is not in.
        nll_before: mean negative log-likelihood at temperature 1.
        nll_after: the same, cross-fitted. Where it is not below `nll_before`, calibration did not help.
    """

    cases: int
    shipped: float
    folds: tuple[float, float]
    nll_before: float
    nll_after: float


class Agreement(Value):
    """Reviewed mappings the model was asked about all the same, and how often it preferred another label."""

    asked: int
    disagreed: int


class Refusals(Value):
    """Labels without a meaning, and how many of them the mapper refused to map."""

    asked: int
    refused: int


class Validity(Value):
    """Answers made into canonical events and checked against the published JSON Schema."""

    checked: int
    valid: int

    @property
    def rate(self) -> float:
        """Share of valid events; 0.0 when none was checked."""
        return self.valid / self.checked if self.checked else 0.0


class Inputs(Value):
    """What was evaluated, on what.

    Attributes:
        held_out: detectors hidden from training and from the rules.
    """

    adapter_sha256: str
    base_model: str
    dataset_sha256: str
    catalog_sha256: str
    taxonomy_version: str
    prompt_version: str
    profile: str
    seed: int
    held_out: tuple[str, ...]


class Scores(Value):
    """The whole result.

    Attributes:
        systems: score by system and split, `seen+variant` included.
        gains: macro F1 of the mapper minus a rival's, by split and rival, on the same cases.
        trust: what the release ships: fitted on all held-out data.
        rules: evidence behind `trust.rules`.
        reliability: bins of the mapper's answers, by split.
        risk_coverage: the mapper's curve on both unseen splits.
        confusion: of the mapper on both unseen splits, weight of cases by expected and answered category.
        model_calls: distinct questions put to the model.
        files: SHA-256 (hex) of the line files written beside this one.
    """

    inputs: Inputs
    golden: GoldenSet
    systems: Mapping[str, Mapping[str, Score]]
    gains: Mapping[str, Mapping[str, Difference]]
    trust: Trust
    temperature: TemperatureFit
    rules: Mapping[Match, RuleEvidence]
    validity: Validity
    agreement: Agreement
    nonsense: Refusals = Refusals(asked=0, refused=0)
    reliability: Mapping[str, tuple[Bin, ...]]
    risk_coverage: tuple[RiskPoint, ...]
    confusion: Mapping[str, Mapping[str, float]]
    model_calls: int
    files: Mapping[str, str]

    def score(self, system: System, split: str) -> Score:
        """Score of one system on one split.

        Raises:
            KeyError: when that split has no cases.
        """
        return self.systems[system][split]
