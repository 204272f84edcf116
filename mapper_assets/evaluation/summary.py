"""The page people read about an evaluation, as Markdown. Only words; every number comes from `Scores`."""

from collections.abc import Iterable, Iterator, Sequence

from mapper_assets.evaluation.predict import MapperAnswer
from mapper_assets.evaluation.scores import ADAPTER, GATED, MAPPER, RIVALS, SPLITS, SYSTEMS, UNSEEN, Scores
from mapper_domain.scoring import Score

WORST = 20


def summary(scores: Scores, mapper: Sequence[MapperAnswer]) -> str:
    """The page.

    Args:
        scores: the whole result.
        mapper: the mapper's answers, for the list of its surest errors.
    """
    parts = (_head(scores), _table(scores), _audited(mapper), _verdict(scores), _calibration(scores), _errors(mapper))
    return "\n".join(line for part in parts for line in part) + "\n"


def _head(scores: Scores) -> Iterator[str]:
    inputs = scores.inputs
    yield "# Golden-set evaluation"
    yield ""
    yield (
        f"Adapter `{inputs.adapter_sha256[:12]}` on {inputs.base_model}, profile {inputs.profile}, seed {inputs.seed}; "
        f"taxonomy {inputs.taxonomy_version}, prompt {inputs.prompt_version}. {scores.model_calls} questions were put "
        f"to the model; {scores.golden.gated} of {sum(scores.golden.by_detector.values())} golden cases are scored, "
        "the others are ambiguous or mean nothing without the detector's own key."
    )
    yield ""
    yield f"Held out of training and rules: {', '.join(inputs.held_out) or 'no detector'}."


def _table(scores: Scores) -> Iterator[str]:
    yield ""
    yield "## F1, macro over detectors, with 95 % intervals"
    yield ""
    yield (
        "The mapper is what serving runs: reviewed mappings, adapter, other rules. Intervals come from resampling "
        "labels within detectors; they do not speak of detectors outside the set."
    )
    yield ""
    yield "| system | " + " | ".join(split.replace("_", " ") for split in (*SPLITS, GATED)) + " |"
    yield "|---|" + "---|" * (len(SPLITS) + 1)
    for system in SYSTEMS:
        cells = (_cell(scores.systems[system].get(split)) for split in (*SPLITS, GATED))
        yield f"| {system.replace('_', ' ')} | " + " | ".join(cells) + " |"
    yield ""
    yield "## On unseen labels and detectors, at the threshold"
    yield ""
    yield "| system | split | cases | coverage | precision there | ECE | harmful called Safe |"
    yield "|---|---|---|---|---|---|---|"
    for system in SYSTEMS:
        for split in UNSEEN:
            if score := scores.systems[system].get(split):
                yield (
                    f"| {system.replace('_', ' ')} | {split.replace('_', ' ')} | {score.cases} | "
                    f"{score.coverage:.2f} | {score.precision:.2f} | {score.ece:.3f} | {score.harmful_called_safe} |"
                )


def _audited(mapper: Sequence[MapperAnswer]) -> Iterator[str]:
    gated = [a for a in mapper if a.examined.case.split in GATED.split("+")]
    audited = sum(a.examined.audited for a in gated)
    yield ""
    yield (
        f"Reviewed mappings decide {audited} of {len(gated)} seen and variant cases whatever the model says; "
        "what the adapter adds shows on the unseen splits only."
    )


def _cell(score: Score | None) -> str:
    return "–" if score is None else f"{score.f1:.3f} ({score.interval.low:.3f}–{score.interval.high:.3f})"


def _verdict(scores: Scores) -> Iterator[str]:
    yield ""
    yield "## Does the learned mapper earn its place?"
    yield ""
    for split in UNSEEN:
        gains = scores.gains.get(split, {})
        if not gains:
            continue
        best = max(gains, key=lambda rival: scores.systems[rival][split].f1)
        gain = gains[best]
        margin = f"{gain.f1:+.3f} ({gain.interval.low:+.3f} to {gain.interval.high:+.3f}) on {gain.cases} cases"
        if gain.interval.low > 0.0:
            sentence = "The mapper beats the strongest rival"
        elif gain.interval.high < 0.0:
            sentence = "**The mapper does not beat the strongest rival; it is worse**"
        else:
            sentence = "**The mapper does not beat the strongest rival: the difference is within chance**"
        yield f"- {split.replace('_', ' ')}: {sentence}, {best.replace('_', ' ')}, by {margin}."
        alone = scores.systems[ADAPTER].get(split)
        whole = scores.systems[MAPPER].get(split)
        if alone and whole:
            yield f"  The adapter alone reaches {alone.f1:.3f}, the whole mapper {whole.f1:.3f}."
    missing = [rival for rival in RIVALS if rival not in scores.systems]
    if missing:
        yield f"- Not compared: {', '.join(missing)}."


def _calibration(scores: Scores) -> Iterator[str]:
    fit = scores.temperature
    helped = "lowered" if fit.nll_after < fit.nll_before else "**did not lower**"
    yield ""
    yield "## Confidence"
    yield ""
    yield (
        f"Temperature {fit.shipped:.2f} (halves {fit.folds[0]:.2f} and {fit.folds[1]:.2f}), fitted on {fit.cases} "
        f"held-out questions; cross-fitted it {helped} the negative log-likelihood, "
        f"{fit.nll_before:.3f} to {fit.nll_after:.3f}."
    )
    yield ""
    yield "| rule | fired on forgotten labels | right | trusted at |"
    yield "|---|---|---|---|"
    for match, found in scores.rules.items():
        yield f"| {match.value} | {found.fired} | {found.right:.1f} | {found.reliability:.3f} |"
    yield ""
    refused = scores.nonsense
    if refused.asked:
        yield f"Of {refused.asked} labels without a meaning, the mapper refused {refused.refused}."
    asked, disagreed = scores.agreement.asked, scores.agreement.disagreed
    yield (
        f"Of {asked} reviewed mappings the model was asked about, it preferred another label for {disagreed}. "
        f"{scores.validity.valid} of {scores.validity.checked} answers are valid canonical events."
    )


def _errors(mapper: Iterable[MapperAnswer]) -> Iterator[str]:
    wrong = sorted((a for a in mapper if a.outcome.f1 < 1.0), key=lambda a: (-a.answer.confidence, a.examined.case.id))
    yield ""
    yield f"## The mapper's surest errors ({min(WORST, len(wrong))} of {len(wrong)})"
    yield ""
    yield "| detector | label | split | expected | answered | confidence | route |"
    yield "|---|---|---|---|---|---|---|"
    for a in wrong[:WORST]:
        case, answer = a.examined.case, a.answer
        expected = (" + " if case.relation == "all" else " / ").join(case.expected)
        yield (
            f"| {case.detector} | {case.label.replace('|', '&#124;')} | {case.split.replace('_', ' ')} | {expected} | "
            f"{' + '.join(answer.labels)} | {answer.confidence:.2f} | {answer.route} |"
        )
