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
from mapper_domain.voices import Weights

SCORES = "scores.json"
PREDICTIONS = "predictions.jsonl"
ANSWERS = "answers.jsonl"
TIMING = "timing.json"
SUMMARY = "summary.md"
PAGE = "evaluation.html"

SPLITS = ("seen", "variant", "unseen_label", "unseen_detector")
GATED = "seen+variant"
"""The two splits the F1 and calibration gates look at, taken together."""

UNSEEN = ("unseen_label", "unseen_detector")

MAPPER, MODEL, ADAPTER, RETRIEVER = "mapper", "model", "adapter", "retriever"
"""What serving runs; both voices without rules and threshold; either voice alone."""

RIVALS = ("lookup", "nearest_neighbour", "char_regression", "minilm_regression", "minilm_char_regression")
SYSTEMS = (MAPPER, MODEL, ADAPTER, RETRIEVER, *RIVALS)

System = Literal[
    "mapper",
    "model",
    "adapter",
    "retriever",
    "lookup",
    "nearest_neighbour",
    "char_regression",
    "minilm_regression",
    "minilm_char_regression",
]

TITLES: Mapping[str, str] = {
    MAPPER: "mapper",
    MODEL: "both voices",
    ADAPTER: "adapter alone",
    RETRIEVER: "retriever alone",
    "lookup": "normalised lookup",
    "nearest_neighbour": "MiniLM nearest neighbour",
    "char_regression": "char n-gram logistic regression",
    "minilm_regression": "MiniLM logistic regression",
    "minilm_char_regression": "MiniLM + char n-gram logistic regression",
}
"""Names of systems as people read them."""


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


class WeightsFit(Value):
    """How much each voice counts, and what it rests on.

    Attributes:
        cases: held-out questions it was fitted on, those without a meaning included.
        shipped: fitted on all of them; part of the release.
        halves: fitted on either half; every reported number uses the half a case is not in.
        before: mean negative log-likelihood (nats) by who is heard, with default weights.
        after: the same, cross-fitted. Where it is not below `before`, fitting did not help.
    """

    cases: int
    shipped: Weights
    halves: tuple[Weights, Weights]
    before: Mapping[str, float]
    after: Mapping[str, float]


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
        retriever_lessons: how many lessons the retriever and the rivals learnt from here, without anything held out.
            The released retriever is fitted again, on everything.
        cross_validation: SHA-256 (hex) of the cross-validation of the same files, empty where there is none.
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
    retriever_lessons: int = 0
    cross_validation: str = ""
    held_out: tuple[str, ...]


class Scores(Value):
    """The whole result.

    Attributes:
        systems: score of the answers by system and split, `seen+variant` included; `OTHER.Unknown` is a miss.
        first: score of the first choices: what a system would name if it had to, right where that is accepted.
        gains: first-choice macro of the mapper minus a rival's, by split and rival, on the same cases.
        ablation: first-choice macro of both voices minus either alone, by split and voice, on the same cases.
        trust: what the release ships: fitted on all held-out data.
        rules: evidence behind `trust.rules`.
        everyday: the same for everyday words no detector looks for; nobody was taught any of them.
        reliability: bins of the mapper's answers, by split.
        risk_coverage: the mapper's curve on both unseen splits.
        confusion: of the mapper on both unseen splits, weight of cases by expected and answered category.
        model_calls: distinct questions put to the model.
        files: SHA-256 (hex) of the line files written beside this one.
    """

    inputs: Inputs
    golden: GoldenSet
    systems: Mapping[str, Mapping[str, Score]]
    first: Mapping[str, Mapping[str, Score]] = Field(default_factory=dict)
    gains: Mapping[str, Mapping[str, Difference]]
    ablation: Mapping[str, Mapping[str, Difference]] = Field(default_factory=dict)
    trust: Trust
    weights: WeightsFit
    rules: Mapping[Match, RuleEvidence]
    validity: Validity
    agreement: Agreement
    nonsense: Refusals = Refusals(asked=0, refused=0)
    everyday: Refusals = Refusals(asked=0, refused=0)
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
