"""What people read about a golden-set evaluation. Only words and tables; every number comes from `Scores`."""

from collections.abc import Iterator, Sequence

from mapper_assets.evaluation.page import Page, Table
from mapper_assets.evaluation.predict import MapperAnswer
from mapper_assets.evaluation.scores import (
    ADAPTER,
    GATED,
    MODEL,
    RETRIEVER,
    RIVALS,
    SPLITS,
    SYSTEMS,
    TITLES,
    UNSEEN,
    Scores,
)
from mapper_assets.evaluation.trust import PRECISION
from mapper_domain.scoring import Difference, Score

WORST = 20


def summary(scores: Scores, mapper: Sequence[MapperAnswer]) -> Page:
    """The page.

    Args:
        mapper: the mapper's answers, for the list of its surest errors.
    """
    return Page(
        "Golden-set evaluation",
        [*_head(scores), *_verdict(scores), *_audited(mapper)],
        [
            _systems("First choice, macro over detectors", scores, answered=False),
            _systems("Answers, macro F1 over detectors", scores, answered=True),
            _unseen(scores),
            _ablation(scores),
            _calibration(scores),
            _rules(scores),
            _errors(mapper),
        ],
    )


def _head(scores: Scores) -> Iterator[str]:
    inputs = scores.inputs
    yield (
        f"Adapter {inputs.adapter_sha256[:12]} on {inputs.base_model}, profile {inputs.profile}, seed {inputs.seed}; "
        f"taxonomy {inputs.taxonomy_version}, prompt {inputs.prompt_version}. {scores.model_calls} questions were put "
        f"to the adapter; {scores.golden.gated} of {sum(scores.golden.by_detector.values())} golden cases are scored, "
        "the others are ambiguous or mean nothing without the detector's own key."
    )
    yield (
        f"Held out of adapter, retriever, rivals and rules: {', '.join(inputs.held_out) or 'no detector'}. Retriever "
        f"and rivals learnt here from the same {inputs.retriever_lessons} lessons, without anything held out and "
        "without the lexicon's forms of it; the released retriever is fitted again on everything."
    )
    refused, everyday, agreement = scores.nonsense, scores.everyday, scores.agreement
    if refused.asked:
        yield (
            f"Of {refused.asked} labels without a meaning, the mapper refused {refused.refused}; of {everyday.asked} "
            f"everyday words no detector looks for, {everyday.refused}."
        )
    yield (
        f"Of {agreement.asked} reviewed mappings the model was asked about, it preferred another label for "
        f"{agreement.disagreed}. {scores.validity.valid} of {scores.validity.checked} answers are valid canonical "
        "events."
    )


def _verdict(scores: Scores) -> Iterator[str]:
    for split in UNSEEN:
        gains = scores.gains.get(split, {})
        if not gains:
            continue
        best = max(gains, key=lambda rival: (scores.first[rival][split].f1, rival))
        gain = gains[best]
        if gain.interval.low > 0.0:
            sentence = "the mapper beats the strongest rival"
        elif gain.interval.high < 0.0:
            sentence = "the mapper does NOT beat the strongest rival; it is worse"
        else:
            sentence = "the mapper does NOT beat the strongest rival: the difference is within chance"
        yield f"On {_words(split)}s, {sentence}, {TITLES[best]}, by {_difference(gain)} on {gain.cases} cases."
    if missing := [TITLES[rival] for rival in RIVALS if rival not in scores.systems]:
        yield f"Not compared: {', '.join(missing)}."


def _audited(mapper: Sequence[MapperAnswer]) -> Iterator[str]:
    unseen = [a for a in mapper if a.examined.case.split in UNSEEN]
    yield (
        f"The adapter was asked about {sum(a.adapted for a in unseen)} of {len(unseen)} unseen cases; on the others "
        "the mapper is rules and retriever, as in serving while the adapter is busy."
    )
    gated = [a for a in mapper if a.examined.case.split in GATED.split("+")]
    audited = sum(a.examined.audited for a in gated)
    yield (
        f"Reviewed mappings decide {audited} of {len(gated)} seen and variant cases whatever the model says; "
        "what the voices add shows on the unseen splits only."
    )


def _systems(title: str, scores: Scores, *, answered: bool) -> Table:
    found = scores.systems if answered else scores.first
    splits = (*SPLITS, GATED)
    note = (
        "OTHER.Unknown counts as a miss. The voices and the rivals always answer."
        if answered
        else "What each would name if it had to; right where that is one of the accepted labels. "
        "95 % intervals come from resampling labels within detectors; they do not speak of other detectors."
    )
    rows = [[TITLES[name], *(_cell(found[name].get(split)) for split in splits)] for name in SYSTEMS if name in found]
    return Table(title, ["system", *map(_words, splits)], rows, note)


def _unseen(scores: Scores) -> Table:
    rows = [
        [
            TITLES[name],
            _words(split),
            str(score.cases),
            f"{score.coverage:.2f}",
            f"{score.precision:.3f}",
            f"{score.ece:.3f}",
            str(score.harmful_called_safe),
        ]
        for name in SYSTEMS
        for split in UNSEEN
        if (score := scores.systems.get(name, {}).get(split))
    ]
    columns = ["system", "split", "cases", "coverage", "precision there", "ECE", "harmful called Safe"]
    return Table("Answers on unseen labels and detectors at confidence 0.6 or more", columns, rows)


def _ablation(scores: Scores) -> Table:
    rows = []
    for split, gains in scores.ablation.items():
        first = {name: scores.first.get(name, {}).get(split) for name in (ADAPTER, RETRIEVER, MODEL)}
        cells = [_cell(first[name]) for name in (ADAPTER, RETRIEVER, MODEL)]
        differences = (_difference(gains[name]) if name in gains else "–" for name in (ADAPTER, RETRIEVER))
        rows.append([_words(split), *cells, *differences])
    columns = ["split", *(TITLES[n] for n in (ADAPTER, RETRIEVER, MODEL)), "both minus adapter", "both minus retriever"]
    note = "First choice without rules and thresholds, on the same questions; paired bootstrap of the differences."
    return Table("Ablation: either voice alone, and both", columns, rows, note)


def _calibration(scores: Scores) -> Table:
    fit = scores.weights
    shipped = {
        ADAPTER: f"{fit.shipped.adapter:.3f}",
        RETRIEVER: f"{fit.shipped.retriever:.3f}",
        "together": " and ".join(f"{voice} {value:.3f}" for voice, value in fit.shipped.together.items()),
    }
    rows = [
        [heard, shipped[heard], f"{fit.before[heard]:.3f}", f"{fit.after[heard]:.3f}"]
        for heard in shipped
        if heard in fit.before
    ]
    note = (
        f"Exponents of the voices' probabilities, fitted on {fit.cases} held-out questions, those without a meaning "
        f"included. The model answers from {scores.trust.threshold:.3f} on, where {PRECISION:.1%} of the answers to "
        "held-out labels were right, and may say OTHER.Safe from "
        f"{scores.trust.safe_threshold:.3f}, the least threshold at which no harmful held-out label was called Safe."
        + ("" if scores.inputs.cross_validation else " No cross-validation over all detectors was at hand.")
    )
    columns = ["who is heard", "exponent", "loss with defaults (nats)", "cross-fitted"]
    return Table("Confidence", columns, rows, note)


def _rules(scores: Scores) -> Table:
    rows = [
        [match.value, str(found.fired), f"{found.right:.1f}", f"{found.reliability:.3f}"]
        for match, found in scores.rules.items()
    ]
    return Table("Rules", ["rule", "fired on forgotten labels", "right", "trusted at"], rows)


def _errors(mapper: Sequence[MapperAnswer]) -> Table:
    wrong = sorted(
        (a for a in mapper if a.first.f1 < 1.0), key=lambda a: (-a.answer.first_confidence, a.examined.case.id)
    )
    rows = [
        [
            a.examined.case.label,
            a.examined.case.detector,
            _words(a.examined.case.split),
            (" + " if a.examined.case.relation == "all" else " / ").join(a.examined.case.expected),
            a.answer.first_choice[0],
            f"{a.answer.first_confidence:.2f}",
            a.answer.route,
        ]
        for a in wrong[:WORST]
    ]
    title = f"The mapper's surest errors ({len(rows)} of {len(wrong)})"
    return Table(title, ["label", "detector", "split", "expected", "got", "confidence", "route"], rows)


def _cell(score: Score | None) -> str:
    return "–" if score is None else f"{score.f1:.3f} ({score.interval.low:.3f}–{score.interval.high:.3f})"


def _difference(gain: Difference) -> str:
    return f"{gain.f1:+.3f} ({gain.interval.low:+.3f} to {gain.interval.high:+.3f})"


def _words(split: str) -> str:
    return split.replace("_", " ")
