"""Answers every golden case with every system. The mapper's answers come from the ladder serving uses.

The mapper knows a catalogue from which held-out detectors and unseen labels were removed, so it meets them
as serving would meet a detector or a label nobody has described.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from mapper_assets.evaluation.rivals import Rival
from mapper_assets.evaluation.sampling import AUDITED_GROUP, Candidate
from mapper_assets.evaluation.scores import ADAPTER, MAPPER, MODEL, RETRIEVER
from mapper_assets.evaluation.trust import HEARD, Calibration, Held
from mapper_assets.evaluation.weights import Judged
from mapper_assets.training.golden import GoldenCase
from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Answer, Trust, decide
from mapper_domain.question import Question
from mapper_domain.rules import AUDITED, RuleHit, RuleMapper
from mapper_domain.scoring import Outcome, first_choice
from mapper_domain.text import normalise
from mapper_domain.voices import Opinion, fuse

Opinions = Mapping[str, Opinion]
"""What was said about a question, by its instruction."""


class Examined(NamedTuple):
    """A golden case as a mapper with a given catalogue meets it.

    Attributes:
        unit: the label it is a spelling of; spellings of one label are not independent.
        rule: what the rules say.
        threshold: of its detector, None where the release's counts.
    """

    case: GoldenCase
    unit: str
    rule: RuleHit | None
    threshold: float | None

    @property
    def question(self) -> Question:
        """What is asked."""
        case = self.case
        return Question(detector=case.detector, label=case.label, kind=case.kind, field=case.field)

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
    """What the whole mapper answered to a case, and whether the adapter was heard."""

    examined: Examined
    answer: Answer
    adapted: bool

    @property
    def outcome(self) -> Outcome:
        """The same, to be scored."""
        return _outcome(self.examined, self.answer.labels, self.answer.confidence, 1.0)

    @property
    def first(self) -> Outcome:
        """What it would name if it had to, to be scored."""
        answer = self.answer
        return first_choice(_outcome(self.examined, answer.first_choice, answer.first_confidence, 1.0))


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
            threshold = None if detector is None else detector.threshold
            form = normalise(case.label)
            unit = next((label for label in labels.get(case.detector, ()) if label and label in form), form)
            found.append(Examined(case, unit, rules.find(case.detector, case.label, case.field), threshold))
    return tuple(found)


def candidates(examined: Sequence[Examined]) -> list[Candidate]:
    """The same cases for sampling: audited ones compete among themselves, the others split by split."""
    return [
        Candidate(
            case=e.case.id,
            question=e.question.instruction,
            group=AUDITED_GROUP if e.audited else e.case.split,
            stratum=f"{e.case.detector}/{e.stratum}",
        )
        for e in examined
    ]


def held_out(examined: Sequence[Examined], opinions: Opinions) -> list[Held]:
    """Distinct held-out questions that were asked, with the labels that would have been right."""
    found = {
        instruction: Held(e.key, Judged(opinions[instruction], e.case.expected))
        for e in examined
        if e.key is not None and (instruction := e.question.instruction) in opinions
    }
    return list(found.values())


def answer(examined: Examined, opinions: Opinions, calibration: Calibration, rules: Trust) -> Answer:
    """The ladder's answer, with the voices that were asked; where a reviewer decides, only if the adapter was, too.

    Args:
        rules: what reported answers may trust rules with.
    """
    opinion = opinions.get(examined.question.instruction)
    if examined.audited and not _adapted(opinion):
        opinion = None
    trusted = calibration.trust(examined.key, rules)
    probabilities = fuse(opinion, trusted.weights) if opinion else None
    return decide(
        examined.rule, probabilities, trust=trusted, threshold=examined.threshold, said=(examined.case.label,)
    )


def mapper_answers(
    examined: Sequence[Examined],
    opinions: Opinions,
    calibration: Calibration,
    rules: Trust,
) -> tuple[MapperAnswer, ...]:
    """Answers to all audited cases, and to those others about which any voice was asked.

    Where the adapter was not asked the retriever alone is heard, as serving does while the adapter is busy.
    """
    return tuple(
        MapperAnswer(e, answer(e, opinions, calibration, rules), _adapted(opinions.get(e.question.instruction)))
        for e in examined
        if e.audited or e.question.instruction in opinions
    )


def _adapted(opinion: Opinion | None) -> bool:
    return opinion is not None and "adapter" in opinion


def voice_outcomes(
    examined: Sequence[Examined],
    opinions: Opinions,
    weights: Mapping[str, float],
    calibration: Calibration,
    heard: str,
) -> list[Outcome]:
    """Outcomes of one voice alone or of both: the most probable label, whatever rules or thresholds say.

    Args:
        weights: by case that was asked.
        heard: `adapter`, `retriever` or `together`.
    """
    found = []
    for e in examined:
        opinion = opinions.get(e.question.instruction, {})
        if e.case.id in weights and all(voice in opinion for voice in HEARD[heard]):
            trusted = calibration.trust(e.key, Trust())
            probabilities = fuse({voice: opinion[voice] for voice in HEARD[heard]}, trusted.weights)
            best = max(probabilities, key=lambda label: (probabilities[label], label))
            found.append(_outcome(e, (best,), probabilities[best], weights[e.case.id]))
    return found


def rival_outcomes(examined: Sequence[Examined], rival: Rival) -> list[Outcome]:
    """Outcomes of a rival, on every case."""
    texts = list(dict.fromkeys(e.case.label for e in examined))
    guesses = dict(zip(texts, rival.guess([Question(detector="", label=text) for text in texts]), strict=True))
    return [_outcome(e, (guesses[e.case.label].label,), guesses[e.case.label].confidence, 1.0) for e in examined]


def outcomes(
    examined: Sequence[Examined],
    answers: Sequence[MapperAnswer],
    opinions: Opinions,
    weights: Mapping[str, float],
    calibration: Calibration,
    rivals: Mapping[str, Rival],
) -> dict[str, list[Outcome]]:
    """Outcomes of every system by name."""
    voices = {MODEL: "together", ADAPTER: "adapter", RETRIEVER: "retriever"}
    return {
        MAPPER: [a.outcome for a in answers],
        **{name: voice_outcomes(examined, opinions, weights, calibration, heard) for name, heard in voices.items()},
        **{name: rival_outcomes(examined, rival) for name, rival in rivals.items()},
    }


def first_choices(
    answered: Mapping[str, Sequence[Outcome]], answers: Sequence[MapperAnswer]
) -> dict[str, list[Outcome]]:
    """First choices of every system: those but the mapper always name one."""
    found = {name: [first_choice(outcome) for outcome in outcomes] for name, outcomes in answered.items()}
    return found | {MAPPER: [a.first for a in answers]}


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
