"""The decision ladder: how rules and model probabilities become one answer with one confidence.

Order: an audited mapping of this very detector wins (the model only confirms it); else the surer of
the model and the other rules, if it is sure enough; else nobody knows, and we say so. `OTHER.Safe` is the one
answer that can hide harm, so a model must be surer of it than of any other. The same function serves live traffic
and the evaluation that gates a release.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from mapper_domain.events import Probability, Route
from mapper_domain.reassurance import denies, reassures
from mapper_domain.rules import AUDITED, Match, RuleHit
from mapper_domain.taxonomy import MODEL_ERROR, SAFE, UNKNOWN
from mapper_domain.value import Value
from mapper_domain.voices import Weights

DEFAULT_THRESHOLD = 0.6


class Trust(Value):
    """Measured reliability of each way to answer, fitted on held-out detectors; part of every release.

    Attributes:
        weights: how much each voice of the model counts (`voices.fuse`).
        rules: probability that a hit of that kind is right.
        threshold: least confidence at which a label is given, unless the detector's YAML has its own.
        safe_threshold: least probability at which the model may say `OTHER.Safe`; the threshold counts as well.
    """

    weights: Weights = Weights()
    rules: Mapping[Match, Probability] = Field(
        default_factory=lambda: {Match.EXACT: 1.0, Match.FORMAT: 0.99, Match.ALIAS: 0.85, Match.ELSEWHERE: 0.85}
    )
    threshold: Probability = DEFAULT_THRESHOLD
    safe_threshold: Probability = 0.9


class Answer(Value):
    """What the ladder decided about one finding.

    Attributes:
        labels: canonical labels, primary first.
        scores: probability for exactly those labels.
        confidence: probability that the answer is right; 0.0 for `OTHER.Unknown`.
        route: who decided.
        match: how the rules matched, if they decided or confirmed.
        agreement: whether the model's first choice was the rules' first choice; None when only one was asked.
        guess: the surest label below the threshold, with its confidence, for a reviewer; None where the model
            itself prefers `OTHER.Unknown`.
    """

    labels: tuple[str, ...]
    scores: Mapping[str, Probability]
    confidence: Probability
    route: Route
    match: Match | None = None
    agreement: bool | None = None
    guess: tuple[str, Probability] | None = None

    @property
    def first_choice(self) -> tuple[str, ...]:
        """What it would name if it had to: its labels, or the guess where it says `OTHER.Unknown`."""
        return self.labels if self.guess is None else (self.guess[0],)

    @property
    def first_confidence(self) -> float:
        """Probability that the first choice is right."""
        return self.confidence if self.guess is None else self.guess[1]

    @property
    def note(self) -> str:
        """One line for the event's notes."""
        if self.guess is not None:
            label, confidence = self.guess
            if label == SAFE:
                return f"Best guess {label} at {confidence:.2f}, which is not enough to call something safe."
            return f"Best guess {label} at {confidence:.2f}, below the threshold."
        if self.agreement is False and self.route == "rules":
            return "The reviewed mapping overrules the model, which preferred another label."
        return ""


def decide(
    rule: RuleHit | None,
    probabilities: Mapping[str, float] | None,
    *,
    trust: Trust,
    threshold: float | None = None,
    said: Sequence[str] = (),
) -> Answer:
    """Answer for one finding.

    Args:
        rule: what the rules say, if anything.
        probabilities: calibrated probability of every allowed label including `OTHER.Unknown`, as `voices.fuse`
            gives them, or None when no model was asked or it failed.
        trust: the release's measured reliabilities.
        threshold: least confidence at which a label is given; by default the release's.
        said: the native label and its description, where there is one. A model alone may call something safe only
            if they say so themselves (`reassurance.reassures`). Of others it may guess so where nothing is denied and,
            without a description, it is as sure as answers usually have to be.
    """
    threshold = trust.threshold if threshold is None else threshold
    first = _surest(probabilities or {})
    agreement = None if rule is None or first is None else first[0] == rule.labels[0]
    best = first if _may_guess_safe(probabilities or {}, said) else _surest(probabilities or {}, but=SAFE)
    sure = 0.0 if rule is None else trust.rules[rule.match]

    if rule is not None and rule.match in AUDITED:
        return _given(rule.labels, sure, "model" if agreement else "rules", rule.match, agreement)
    voice = best[1] if best is not None and _may_say(*best, trust, threshold, said) else 0.0
    if rule is not None and voice and agreement:
        return _given(rule.labels, max(voice, sure), "model", rule.match, agreement)
    if rule is not None and sure >= threshold and sure > voice:
        return _given(rule.labels, sure, "rules", rule.match, agreement)
    if best is not None and voice:
        return _given((best[0],), voice, "model", None, agreement)
    return Answer(
        labels=(UNKNOWN,),
        scores={UNKNOWN: 0.0},
        confidence=0.0,
        route="unknown",
        agreement=agreement,
        guess=_guess(rule, sure, best),
    )


def _surest(probabilities: Mapping[str, float], *, but: str = "") -> tuple[str, float] | None:
    """The most probable label but one, and its probability."""
    allowed = (item for item in probabilities.items() if item[0] != but)
    return max(allowed, key=lambda item: (item[1], item[0]), default=None)


def _may_guess_safe(probabilities: Mapping[str, float], said: Sequence[str]) -> bool:
    explained = len([text for text in said if text]) > 1
    sure = probabilities.get(SAFE, 0.0) >= DEFAULT_THRESHOLD
    return reassures(*said) or (not denies(*said) and (explained or sure))


def _may_say(label: str, probability: float, trust: Trust, threshold: float, said: Sequence[str]) -> bool:
    """Whether a model this sure of a label may name it."""
    if label == SAFE:
        return probability >= max(threshold, trust.safe_threshold) and reassures(*said)
    return label not in (UNKNOWN, MODEL_ERROR) and probability >= threshold


def _guess(rule: RuleHit | None, sure: float, best: tuple[str, float] | None) -> tuple[str, Probability] | None:
    """The surer of two unsure voices, None where that is the model and it says it does not know."""
    if rule is not None and rule.labels[0] != UNKNOWN and (best is None or sure > best[1]):
        return rule.labels[0], sure
    return None if best is None or best[0] == UNKNOWN else best


def safe() -> Answer:
    """The answer for a detector that ran and found nothing."""
    return _given((SAFE,), 1.0, "rules", Match.EXACT, None)


def failed() -> Answer:
    """The answer for a detector that failed or was skipped: neither safe nor unknown."""
    return _given((MODEL_ERROR,), 1.0, "rules", Match.EXACT, None)


def combine(answers: Sequence[Answer]) -> Answer:
    """One answer for several findings of one detector run.

    Labels keep their order of first appearance; `OTHER.Safe` never stands beside another label; a label
    somebody understood outranks `OTHER.Unknown`. Confidence is the least of the parts: the event is right
    only if each part is.
    """
    if not answers:
        return safe()
    if len(answers) == 1:
        return answers[0]
    known = [a for a in answers if a.labels != (UNKNOWN,)]
    harmful = [a for a in known if a.labels != (SAFE,)]
    kept = harmful or ([a for a in answers if a.labels == (UNKNOWN,)] or known)
    if len(kept) == 1:
        return kept[0]
    scores: dict[str, float] = {}
    for part in kept:
        for label in part.labels:
            scores[label] = max(part.scores[label], scores.get(label, 0.0))
    weakest = min(kept, key=lambda a: a.confidence)
    routes = {a.route for a in kept}
    return Answer(
        labels=tuple(scores),
        scores=scores,
        confidence=weakest.confidence,
        route=routes.pop() if len(routes) == 1 else weakest.route,
        match=weakest.match,
        agreement=None if any(a.agreement is None for a in kept) else all(a.agreement for a in kept),
    )


def _given(
    labels: tuple[str, ...],
    confidence: float,
    route: Literal["model", "rules"],
    match: Match | None,
    agreement: bool | None,
) -> Answer:
    if labels == (UNKNOWN,):
        return Answer(
            labels=labels, scores={UNKNOWN: 0.0}, confidence=0.0, route=route, match=match, agreement=agreement
        )
    scores = dict.fromkeys(labels, confidence)
    return Answer(labels=labels, scores=scores, confidence=confidence, route=route, match=match, agreement=agreement)
