"""Answers every golden case with every system. The mapper's answers come from the ladder serving uses.

The mapper knows a catalogue from which held-out detectors and unseen labels were removed, so it meets them
as serving would meet a detector or a label nobody has described.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mapper_assets.evaluation.rivals import Rival
from mapper_assets.evaluation.sampling import Candidate
from mapper_assets.evaluation.scores import ADAPTER, MAPPER
from mapper_assets.evaluation.trust import Calibration, Held
from mapper_assets.training.golden import GoldenCase
from mapper_domain.catalog import Catalog
from mapper_domain.confidence import Judged, temper
from mapper_domain.ladder import DEFAULT_THRESHOLD, Answer, Trust, decide
from mapper_domain.rules import AUDITED, RuleHit, RuleMapper
from mapper_domain.scoring import Outcome
from mapper_domain.text import normalise

LogProbs = Mapping[str, Mapping[str, float]]
"""Log-probability of every label, by question."""


class Examined(NamedTuple):
    """A golden case as a mapper with a given catalogue meets it.

    Attributes:
        unit: the label it is a spelling of; spellings of one label are not independent.
        rule: what the rules say.
        threshold: of its detector.
    """

    case: GoldenCase
    unit: str
    rule: RuleHit | None
    threshold: float

    @property
    def question(self) -> str:
        """What the model is asked."""
        return self.case.question

    @property
    def audited(self) -> bool:
        """Whether a reviewed mapping of this very detector decides, whatever the model says."""
        return self.rule is not None and self.rule.match in AUDITED

    @property
    def stratum(self) -> str:
        """Cases of a detector that stand for each other where only some are asked."""
        return f"{self.case.split}/{'audited' if self.audited else 'open'}"

    @property
    def key(self) -> str | None:
        """What the case is held out by: its detector, its label, or nothing."""
        if self.case.split == "unseen_detector":
            return self.case.detector
        return f"{self.case.detector}/{self.unit}" if self.case.split == "unseen_label" else None


class MapperAnswer(NamedTuple):
    """What the whole mapper answered to a case, and how many cases it stands for."""

    examined: Examined
    answer: Answer
    weight: float

    @property
    def outcome(self) -> Outcome:
        """The same, to be scored."""
        return _outcome(self.examined, self.answer.labels, self.answer.confidence, self.weight)


def examine(cases: Sequence[GoldenCase], known: Catalog, catalog: Catalog) -> tuple[Examined, ...]:
    """Cases that are scored, as a mapper that knows only the catalogue `known` meets them.

    Args:
        catalog: the whole catalogue, to tell which label a case is a spelling of.
    """
    rules = RuleMapper(known)
    labels = {d.name: sorted({normalise(m.label) for m in d.maps}, key=len, reverse=True) for d in catalog.detectors}
    found = []
    for case in cases:
        if case.gated:
            detector = known.by_name.get(case.detector)
            threshold = detector.threshold if detector and detector.threshold is not None else DEFAULT_THRESHOLD
            form = normalise(case.label)
            unit = next((label for label in labels.get(case.detector, ()) if label and label in form), form)
            found.append(Examined(case, unit, rules.find(case.detector, case.label, case.field), threshold))
    return tuple(found)


def candidates(examined: Sequence[Examined]) -> list[Candidate]:
    """The same cases for sampling: audited ones compete among themselves, the others split by split."""
    return [
        Candidate(
            case=e.case.id,
            question=e.question,
            group="audited" if e.audited else e.case.split,
            stratum=f"{e.case.detector}/{e.stratum}",
        )
        for e in examined
    ]


def held_out(examined: Sequence[Examined], logprobs: LogProbs) -> list[Held]:
    """Distinct held-out questions the model was asked, with the labels that would have been right."""
    found = {
        e.question: Held(e.key, Judged(logprobs[e.question], e.case.expected))
        for e in examined
        if e.key is not None and e.question in logprobs
    }
    return list(found.values())


def answer(examined: Examined, logprobs: LogProbs, calibration: Calibration, trust: Trust) -> Answer:
    """The ladder's answer, with the model's voice only where it was asked."""
    scores = logprobs.get(examined.question)
    probabilities = temper(scores, calibration.temperature(examined.key)) if scores else None
    return decide(examined.rule, probabilities, trust=trust, threshold=examined.threshold)


def mapper_answers(
    examined: Sequence[Examined],
    logprobs: LogProbs,
    weights: Mapping[str, float],
    calibration: Calibration,
    trust: Trust,
) -> tuple[MapperAnswer, ...]:
    """Answers to all audited cases and to those others the model was asked about."""
    return tuple(
        MapperAnswer(e, answer(e, logprobs, calibration, trust), 1.0 if e.audited else weights[e.case.id])
        for e in examined
        if e.audited or e.case.id in weights
    )


def adapter_outcomes(
    examined: Sequence[Examined], logprobs: LogProbs, weights: Mapping[str, float], calibration: Calibration
) -> list[Outcome]:
    """Outcomes of the adapter alone: its most probable label, whatever rules or thresholds say."""
    found = []
    for e in examined:
        if e.case.id in weights:
            probabilities = temper(logprobs[e.question], calibration.temperature(e.key))
            best = max(probabilities, key=lambda label: (probabilities[label], label))
            found.append(_outcome(e, (best,), probabilities[best], weights[e.case.id]))
    return found


def rival_outcomes(examined: Sequence[Examined], rival: Rival) -> list[Outcome]:
    """Outcomes of a rival, on every case."""
    texts = list(dict.fromkeys(e.case.label for e in examined))
    guesses = dict(zip(texts, rival.guess(texts), strict=True))
    return [_outcome(e, (guesses[e.case.label].label,), guesses[e.case.label].confidence, 1.0) for e in examined]


def outcomes(
    examined: Sequence[Examined],
    answers: Sequence[MapperAnswer],
    logprobs: LogProbs,
    weights: Mapping[str, float],
    calibration: Calibration,
    rivals: Mapping[str, Rival],
) -> dict[str, list[Outcome]]:
    """Outcomes of every system by name."""
    return {
        MAPPER: [a.outcome for a in answers],
        ADAPTER: adapter_outcomes(examined, logprobs, weights, calibration),
        **{name: rival_outcomes(examined, rival) for name, rival in rivals.items()},
    }


def _outcome(examined: Examined, predicted: tuple[str, ...], confidence: float, weight: float) -> Outcome:
    case = examined.case
    return Outcome(
        case=case.id,
        unit=examined.unit,
        detector=case.detector,
        split=case.split,
        expected=case.expected,
        relation=case.relation,
        predicted=predicted,
        confidence=min(1.0, max(0.0, confidence)),
        stratum=examined.stratum,
        weight=weight,
    )
