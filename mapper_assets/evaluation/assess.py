"""Turns outcomes into `Scores`: which numbers are computed on which cases. No model and no files."""

from collections.abc import Mapping, Sequence

from mapper_assets.evaluation.predict import LogProbs, MapperAnswer
from mapper_assets.evaluation.scores import (
    ADAPTER,
    GATED,
    MAPPER,
    RIVALS,
    SPLITS,
    UNSEEN,
    Agreement,
    GoldenSet,
    Inputs,
    Refusals,
    RuleEvidence,
    Scores,
    Validity,
)
from mapper_assets.evaluation.trust import Calibration, trust
from mapper_domain.confidence import reliability_bins, risk_coverage
from mapper_domain.rules import Match
from mapper_domain.scoring import Difference, Outcome, Score, confusion, difference, points, score

GROUPS: Mapping[str, tuple[str, ...]] = {**{split: (split,) for split in SPLITS}, GATED: ("seen", "variant")}
"""Splits that are scored together, by name."""


def assess(
    outcomes: Mapping[str, Sequence[Outcome]],
    answers: Sequence[MapperAnswer],
    *,
    inputs: Inputs,
    golden: GoldenSet,
    calibration: Calibration,
    rules: Mapping[Match, RuleEvidence],
    validity: Validity,
    refused: Refusals,
    logprobs: LogProbs,
    files: Mapping[str, str],
) -> Scores:
    """Every number of the evaluation.

    Args:
        outcomes: by system.
        answers: the mapper's, with what they rest on.
        rules: evidence of all detectors, which is what the release trusts.
        files: SHA-256 (hex) of the files written beside `scores.json`.
    """
    mapper, adapter = outcomes[MAPPER], outcomes[ADAPTER]
    unseen = _of(mapper, UNSEEN)
    return Scores(
        inputs=inputs,
        golden=golden,
        systems={name: _scores(found, inputs.seed) for name, found in outcomes.items()},
        gains={split: _gains(outcomes, split, inputs.seed) for split in SPLITS if _of(mapper, (split,))},
        trust=trust(calibration.fit.shipped, rules),
        temperature=calibration.fit,
        rules=rules,
        validity=validity,
        agreement=agreement(answers),
        nonsense=refused,
        reliability={
            f"mapper, {GATED}": reliability_bins(points(_of(mapper, GROUPS[GATED]))),
            "mapper, unseen": reliability_bins(points(unseen)),
            "adapter, unseen": reliability_bins(points(_of(adapter, UNSEEN))),
        },
        risk_coverage=risk_coverage(points(unseen)),
        confusion=confusion(unseen),
        model_calls=len(logprobs),
        files=files,
    )


def agreement(answers: Sequence[MapperAnswer]) -> Agreement:
    """How often the model was asked about a reviewed mapping, and preferred another label."""
    asked = {a.examined.question: a.answer.agreement for a in answers if a.examined.audited}
    return Agreement(
        asked=sum(agreed is not None for agreed in asked.values()),
        disagreed=sum(agreed is False for agreed in asked.values()),
    )


def _scores(outcomes: Sequence[Outcome], seed: int) -> dict[str, Score]:
    groups = {name: _of(outcomes, splits) for name, splits in GROUPS.items()}
    return {name: score(found, seed=seed) for name, found in groups.items() if found}


def _gains(outcomes: Mapping[str, Sequence[Outcome]], split: str, seed: int) -> dict[str, Difference]:
    ours = _of(outcomes[MAPPER], (split,))
    return {rival: difference(ours, _of(outcomes[rival], (split,)), seed=seed) for rival in RIVALS if rival in outcomes}


def _of(outcomes: Sequence[Outcome], splits: Sequence[str]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.split in splits]
