"""Turns outcomes into `Scores`: which numbers are computed on which cases. No model and no files."""

from collections.abc import Mapping, Sequence

from mapper_assets.evaluation.predict import MapperAnswer, first_choices
from mapper_assets.evaluation.scores import (
    ADAPTER,
    GATED,
    MAPPER,
    MODEL,
    RETRIEVER,
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
    everyday: Refusals,
    model_calls: int,
    files: Mapping[str, str],
) -> Scores:
    """Every number of the evaluation.

    Args:
        outcomes: by system.
        answers: the mapper's, with what they rest on.
        rules: evidence of all detectors, which is what the release trusts.
        files: SHA-256 (hex) of the files written beside `scores.json`.
    """
    first = first_choices(outcomes, answers)
    mapper = outcomes[MAPPER]
    unseen = _of(mapper, UNSEEN)
    present = [split for split in SPLITS if _of(mapper, (split,))]
    return Scores(
        inputs=inputs,
        golden=golden,
        systems={name: _scores(found, inputs.seed) for name, found in outcomes.items()},
        first={name: _scores(found, inputs.seed) for name, found in first.items()},
        gains={split: _gains(first, MAPPER, RIVALS, split, inputs.seed) for split in present},
        ablation={split: _gains(first, MODEL, (ADAPTER, RETRIEVER), split, inputs.seed) for split in present},
        trust=trust(calibration.fit.shipped, rules, calibration.limits),
        weights=calibration.fit,
        rules=rules,
        validity=validity,
        agreement=agreement(answers),
        nonsense=refused,
        everyday=everyday,
        reliability={
            f"mapper, {GATED}": reliability_bins(points(_of(mapper, GROUPS[GATED]))),
            "mapper, unseen": reliability_bins(points(unseen)),
            "both voices, unseen": reliability_bins(points(_of(outcomes[MODEL], UNSEEN))),
            "adapter, unseen": reliability_bins(points(_of(outcomes[ADAPTER], UNSEEN))),
            "retriever, unseen": reliability_bins(points(_of(outcomes[RETRIEVER], UNSEEN))),
        },
        risk_coverage=risk_coverage(points(_of(first[MAPPER], UNSEEN))),
        confusion=confusion(_of(first[MAPPER], UNSEEN)),
        model_calls=model_calls,
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


def _gains(
    outcomes: Mapping[str, Sequence[Outcome]], ours: str, others: Sequence[str], split: str, seed: int
) -> dict[str, Difference]:
    chosen = _of(outcomes[ours], (split,))
    return {
        other: difference(chosen, _of(outcomes[other], (split,)), seed=seed) for other in others if other in outcomes
    }


def _of(outcomes: Sequence[Outcome], splits: Sequence[str]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.split in splits]
