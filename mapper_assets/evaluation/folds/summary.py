"""What people read about a cross-validation. Only words and tables; every number comes from `FoldScores`."""

from collections.abc import Iterator

from mapper_assets.evaluation.folds.held import SETTING_NAMES, WAYS, Setting, Way
from mapper_assets.evaluation.folds.scores import FoldScores, SettingScores
from mapper_assets.evaluation.page import Page, Table
from mapper_assets.evaluation.scores import ADAPTER, MAPPER, MODEL, SYSTEMS, TITLES
from mapper_domain.resampling import Interval

WAY_NAMES: dict[Way, str] = {
    "label": "label alone",
    "described": "label and description",
    "vocabulary": "whole vocabulary at once",
}


def summary(scores: FoldScores) -> Page:
    """The page."""
    title = "Detectors nobody has seen: cross-validation over folds of kin"
    return Page(title, list(_head(scores)), list(_tables(scores)))


def verdicts(scores: FoldScores) -> Iterator[str]:
    """One sentence for each state of the lexicon and way of asking: by how much the mapper beats the best rival."""
    for setting, found in scores.settings.items():
        for way in WAYS:
            rival, theirs = found.best_rival(way)
            ours, gain = found.standings[way][MAPPER], found.gains[way][rival]
            yield (
                f"{WAY_NAMES[way].capitalize()}, {SETTING_NAMES[setting]}: mapper {ours.fold_mean:.3f}, best rival "
                f"({TITLES[rival]}) {theirs.fold_mean:.3f}, {ours.fold_mean - theirs.fold_mean:+.3f} in the mean over "
                f"folds; over detectors {gain.f1:+.3f} {_interval(gain.interval, sign=True)}."
            )


def _head(scores: FoldScores) -> Iterator[str]:
    inputs = scores.inputs
    strict = scores.settings["strict"]
    asked = strict.standings["label"][MAPPER].first
    yield (
        f"{len(asked.by_detector)} detectors in {len(inputs.folds)} folds, {asked.cases} labels; taxonomy "
        f"{inputs.taxonomy_version}, seed {inputs.seed}. For each fold, retriever, rivals and rules learnt without its "
        "detectors and their kin. Macro: mean over detectors of the share of right first choices. Intervals resample "
        "labels within detectors."
    )
    yield (
        "An adapter trained without the fold was heard for: " + ", ".join(sorted(inputs.adapters)) + "."
        if inputs.adapters
        else "No adapter was heard: the mapper is rules and retriever here."
    )
    yield from verdicts(scores)
    for setting, found in scores.settings.items():
        refused = found.nonsense
        yield f"Labels without a meaning refused, {SETTING_NAMES[setting]}: {refused.refused} of {refused.asked}."


def _tables(scores: FoldScores) -> Iterator[Table]:
    for setting, found in scores.settings.items():
        for way in WAYS:
            yield _standings(setting, way, found)
    strict = scores.settings["strict"]
    yield _by_fold(strict)
    yield _by_detector(strict)
    yield _calibration(scores)
    yield _confusion(strict)
    yield _worst(strict)


def _standings(setting: Setting, way: Way, found: SettingScores) -> Table:
    rows = []
    for name in _present(found, way):
        standing = found.standings[way][name]
        first, answered = standing.first, standing.answered
        gain = found.gains[way].get(name)
        rows.append(
            [
                TITLES[name],
                f"{standing.fold_mean:.3f}",
                f"{first.f1:.3f} {_interval(first.interval)}",
                f"{answered.coverage:.2f}",
                f"{answered.precision:.3f}",
                f"{answered.ece:.3f}",
                f"{first.harmful_called_safe} / {answered.harmful_called_safe}",
                f"{gain.f1:+.3f} {_interval(gain.interval, sign=True)}" if gain else "–",
            ]
        )
    columns = [
        "system",
        "mean of folds",
        "macro",
        "coverage at 0.6",
        "precision there",
        "ECE",
        "harmful called Safe: first choice / answered",
        "mapper minus this",
    ]
    return Table(f"{WAY_NAMES[way].capitalize()}, {SETTING_NAMES[setting]}", columns, rows)


def _by_fold(found: SettingScores) -> Table:
    folds = list(found.standings["label"][MAPPER].by_fold)
    rows = [
        [
            f"{TITLES[name]}, {WAY_NAMES[way]}",
            *(_number(found.standings[way][name].by_fold.get(fold)) for fold in folds),
        ]
        for way in WAYS
        for name in _present(found, way)
    ]
    return Table(f"First choice by fold, {SETTING_NAMES['strict']}", ["system", *folds], rows)


def _by_detector(found: SettingScores) -> Table:
    rival, theirs = found.best_rival("label")
    ours = {way: found.standings[way][MAPPER].first.by_detector for way in WAYS}
    rows = [
        [name, *(f"{ours[way][name]:.3f}" for way in WAYS), f"{theirs.first.by_detector[name]:.3f}"]
        for name in sorted(ours["label"], key=lambda name: (ours["label"][name], name))
    ]
    columns = ["detector", *(WAY_NAMES[way] for way in WAYS), f"{TITLES[rival]}, label alone"]
    return Table(f"First choice of the mapper by detector, {SETTING_NAMES['strict']}", columns, rows)


def _calibration(scores: FoldScores) -> Table:
    rows = [
        [
            fold,
            f"{trust.weights.retriever:.3f}",
            " and ".join(f"{voice} {value:.3f}" for voice, value in trust.weights.together.items())
            if scores.inputs.adapters
            else "–",
            f"{trust.threshold:.3f}",
            f"{trust.safe_threshold:.3f}",
        ]
        for fold, trust in scores.settings["strict"].trusts.items()
    ]
    shipped = (f"{scores.weights.retriever:.3f}", "–", f"{scores.threshold:.3f}", f"{scores.safe_threshold:.3f}")
    rows.append(["all, shipped", *shipped])
    columns = ["fold", "exponent of the retriever alone", "of both", "answers from", "Safe from"]
    return Table("Calibration, fitted on the other folds", columns, rows)


def _confusion(found: SettingScores) -> Table:
    names = sorted({*found.confusion, *(name for row in found.confusion.values() for name in row)})
    rows = [[row, *(f"{cells.get(name, 0.0):.0f}" for name in names)] for row, cells in found.confusion.items()]
    return Table("Expected category and named category, label alone", ["expected", *names], rows)


def _worst(found: SettingScores) -> Table:
    rows = [
        [error.label, error.detector, " / ".join(error.expected), error.got, f"{error.confidence:.2f}"]
        for error in found.worst
    ]
    title = f"The mapper's surest errors, label alone ({len(rows)} of {found.errors})"
    return Table(title, ["label", "detector", "expected", "got", "confidence"], rows)


def _present(found: SettingScores, way: Way) -> list[str]:
    """Systems asked in a way; both voices are worth a row only where there are two."""
    hidden = () if ADAPTER in found.standings["label"] else (MODEL,)
    return [name for name in SYSTEMS if name in found.standings[way] and name not in hidden]


def _interval(interval: Interval, *, sign: bool = False) -> str:
    form = "+.3f" if sign else ".3f"
    return f"({interval.low:{form}} to {interval.high:{form}})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
