"""Gates: what an evaluation must reach before its adapter may be released. One pure function; no files, no dagster.

The checks shown in the UI and the deployment that refuses to promote both ask this function.
"""

from mapper_assets.evaluation.scores import GATED, MAPPER, Scores
from mapper_domain.value import Value


class Gates(Value):
    """Thresholds.

    Attributes:
        schema_valid_rate: least share of answers that are valid canonical events.
        f1: least macro F1 over detectors of the whole mapper on seen labels and their spellings.
        ece: greatest expected calibration error of the whole mapper there.
        golden_cases_per_detector: least number of golden cases of each detector, where its vocabulary can give them.
        category_coverage: least share of taxonomy categories the golden set expects somewhere.
    """

    schema_valid_rate: float = 0.95
    f1: float = 0.90
    ece: float = 0.05
    golden_cases_per_detector: int = 100
    category_coverage: float = 0.80


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
    """A verdict for every gate, always all five and in the same order."""
    return (
        _schema_valid_rate(scores, gates),
        _f1(scores, gates),
        _ece(scores, gates),
        _golden_cases(scores, gates),
        _category_coverage(scores, gates),
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
        detail=f"{score.cases} cases in 10 bins; temperature {scores.trust.temperature:.2f}, fitted on held-out data.",
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
