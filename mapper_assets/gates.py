"""Gates: what an evaluation must reach before its adapter may be released. One pure function; no files, no dagster.

The checks shown in the UI and the deployment that refuses to promote both ask this function.
"""

from mapper_assets.evaluation.scores import GATED, MAPPER, TITLES, UNSEEN, Scores
from mapper_domain.value import Value

STRANGERS = "unseen_detector"
"""The split of detectors nobody has described."""

GOAL_ECE = 0.03


class Gates(Value):
    """Thresholds.

    Attributes:
        schema_valid_rate: least share of answers that are valid canonical events.
        f1: least macro F1 over detectors of the whole mapper on seen labels and their spellings.
        ece: greatest expected calibration error of the whole mapper there.
        golden_cases_per_detector: least number of golden cases of each detector, where its vocabulary can give them.
        category_coverage: least share of taxonomy categories the golden set expects somewhere.
        unseen_ece: greatest expected calibration error of the whole mapper on detectors nobody has described; the
            goal is 0.03.
        unseen_harmful_called_safe: how many harmful labels, unseen or of unseen detectors, may be called safe.
        nonsense_refused: least share of labels without a meaning that are refused.
        gain_over_rivals: least first-choice macro of the whole mapper on unseen detectors minus the best rival's.
    """

    schema_valid_rate: float = 0.95
    f1: float = 0.90
    ece: float = 0.05
    golden_cases_per_detector: int = 100
    category_coverage: float = 0.80
    unseen_ece: float = 0.05
    unseen_harmful_called_safe: int = 0
    nonsense_refused: float = 0.95
    gain_over_rivals: float = 0.0


class Verdict(Value):
    """One gate's judgement.

    Attributes:
        value: what was measured.
        threshold: what it was held against.
        detail: one line for a reader: the sample behind the value, and what to do where it fails.
    """

    name: str
    passed: bool
    value: float
    threshold: float
    detail: str


def judge(scores: Scores, gates: Gates) -> tuple[Verdict, ...]:
    """A verdict for every gate, always all of them and in the same order."""
    return (
        _schema_valid_rate(scores, gates),
        _f1(scores, gates),
        _ece(scores, gates),
        _golden_cases(scores, gates),
        _category_coverage(scores, gates),
        _unseen_ece(scores, gates),
        _unseen_harmful_called_safe(scores, gates),
        _nonsense_refused(scores, gates),
        _gain_over_rivals(scores, gates),
    )


def _schema_valid_rate(scores: Scores, gates: Gates) -> Verdict:
    validity = scores.validity
    return Verdict(
        name="schema_valid_rate",
        passed=validity.rate >= gates.schema_valid_rate,
        value=validity.rate,
        threshold=gates.schema_valid_rate,
        detail=f"{validity.valid} of {validity.checked} answers are valid canonical events.",
    )


def _f1(scores: Scores, gates: Gates) -> Verdict:
    score = scores.systems[MAPPER].get(GATED)
    if score is None or not score.cases:
        return Verdict(name="f1", passed=False, value=0.0, threshold=gates.f1, detail="No seen or variant case.")
    worst = sorted(score.by_detector.items(), key=lambda item: item[1])[:3]
    return Verdict(
        name="f1",
        passed=score.f1 >= gates.f1,
        value=score.f1,
        threshold=gates.f1,
        detail=f"95 % interval {score.interval.low:.3f} to {score.interval.high:.3f}, {score.cases} cases; lowest: "
        + ", ".join(f"{name} {value:.2f}" for name, value in worst)
        + ".",
    )


def _ece(scores: Scores, gates: Gates) -> Verdict:
    score = scores.systems[MAPPER].get(GATED)
    if score is None or not score.cases:
        return Verdict(name="ece", passed=False, value=1.0, threshold=gates.ece, detail="No seen or variant case.")
    return Verdict(
        name="ece",
        passed=score.ece <= gates.ece,
        value=score.ece,
        threshold=gates.ece,
        detail=f"{score.cases} cases in 10 bins; the voices were weighed on held-out data.",
    )


def _golden_cases(scores: Scores, gates: Gates) -> Verdict:
    golden = scores.golden
    asked = gates.golden_cases_per_detector
    wanted = {name: min(asked, golden.possible.get(name, asked)) for name in golden.by_detector}
    missing = {name: count for name, count in golden.by_detector.items() if count < wanted[name]}
    excused = sorted(name for name in wanted if wanted[name] < asked and name not in missing)
    detail = [f"{len(golden.by_detector)} detectors."]
    if missing:
        detail.append(
            "Too few: "
            + ", ".join(f"{name} {count} of {wanted[name]}" for name, count in sorted(missing.items()))
            + "."
        )
    if excused:
        listed = ", ".join(f"{name} {golden.by_detector[name]}" for name in excused)
        detail.append(f"Vocabulary and spellings give no more: {listed}.")
    judged = [count for name, count in golden.by_detector.items() if name not in excused]
    return Verdict(
        name="golden_cases_per_detector",
        passed=bool(golden.by_detector) and not missing,
        value=min(judged or golden.by_detector.values(), default=0),
        threshold=asked,
        detail=" ".join(detail),
    )


def _category_coverage(scores: Scores, gates: Gates) -> Verdict:
    missing = ", ".join(scores.golden.missing_categories)
    return Verdict(
        name="category_coverage",
        passed=scores.golden.categories >= gates.category_coverage,
        value=scores.golden.categories,
        threshold=gates.category_coverage,
        detail=f"Not covered: {missing}." if missing else "Every category is covered.",
    )


def _unseen_ece(scores: Scores, gates: Gates) -> Verdict:
    score = scores.systems[MAPPER].get(STRANGERS)
    if score is None or not score.cases:
        return _unscored("unseen_ece", gates.unseen_ece, worst=1.0)
    return Verdict(
        name="unseen_ece",
        passed=score.ece <= gates.unseen_ece,
        value=score.ece,
        threshold=gates.unseen_ece,
        detail=f"{score.cases} cases in 10 bins, cross-fitted; the goal is {GOAL_ECE}.",
    )


def _unseen_harmful_called_safe(scores: Scores, gates: Gates) -> Verdict:
    found = [score for split in UNSEEN if (score := scores.systems[MAPPER].get(split)) is not None and score.cases]
    if not found:
        return _unscored("unseen_harmful_called_safe", gates.unseen_harmful_called_safe, worst=1.0)
    count = sum(score.harmful_called_safe for score in found)
    return Verdict(
        name="unseen_harmful_called_safe",
        passed=count <= gates.unseen_harmful_called_safe,
        value=count,
        threshold=gates.unseen_harmful_called_safe,
        detail=f"Of {sum(score.cases for score in found)} cases; Safe is said from {scores.trust.safe_threshold:.3f}.",
    )


def _nonsense_refused(scores: Scores, gates: Gates) -> Verdict:
    nonsense = scores.nonsense
    rate = nonsense.refused / nonsense.asked if nonsense.asked else 0.0
    return Verdict(
        name="nonsense_refused",
        passed=rate >= gates.nonsense_refused,
        value=rate,
        threshold=gates.nonsense_refused,
        detail=f"{nonsense.refused} of {nonsense.asked} labels without a meaning are refused.",
    )


def _gain_over_rivals(scores: Scores, gates: Gates) -> Verdict:
    gains = scores.gains.get(STRANGERS, {})
    if not gains or any(not gain.cases for gain in gains.values()):
        return _unscored("gain_over_rivals", gates.gain_over_rivals, worst=-1.0)
    rival, gain = min(gains.items(), key=lambda item: (item[1].f1, item[0]))
    return Verdict(
        name="gain_over_rivals",
        passed=gain.f1 >= gates.gain_over_rivals,
        value=gain.f1,
        threshold=gates.gain_over_rivals,
        detail=f"Against {TITLES.get(rival, rival)}, the best of {len(gains)}, on {gain.cases} cases; 95 % interval "
        f"{gain.interval.low:+.3f} to {gain.interval.high:+.3f}.",
    )


def _unscored(name: str, threshold: float, *, worst: float) -> Verdict:
    return Verdict(name=name, passed=False, value=worst, threshold=threshold, detail="No case of an unseen detector.")
