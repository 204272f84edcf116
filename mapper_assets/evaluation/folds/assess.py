"""Makes scores of what was said about each fold. Whatever is fitted for a fold is fitted on the other folds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mapper_assets.evaluation.folds.held import WAYS, HeldLabel, Way
from mapper_assets.evaluation.folds.learn import ASKED, FoldAnswers
from mapper_assets.evaluation.folds.scores import FoldError, SettingScores, Standing
from mapper_assets.evaluation.nonsense import Nonsense
from mapper_assets.evaluation.scores import ADAPTER, MAPPER, MODEL, RETRIEVER, Refusals
from mapper_assets.evaluation.trust import Firing, Limits, limits, reliability, trust
from mapper_assets.evaluation.weights import Judged, fit
from mapper_domain.catalog import Catalog
from mapper_domain.confidence import reliability_bins, risk_coverage
from mapper_domain.detectors import Relation
from mapper_domain.ladder import Answer, Trust, decide
from mapper_domain.rules import RuleMapper
from mapper_domain.scoring import Outcome, by_detector, confusion, difference, points, score
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import normalise
from mapper_domain.vocabulary import together
from mapper_domain.voices import LogProbs, Opinion, Voice, Weights, fuse

WORST = 20


class FoldOpinions(NamedTuple):
    """What all voices say about one fold.

    Attributes:
        answers: of the retriever and the rivals.
        adapter: of an adapter that never saw the fold, by way, one a label; None where there is none.
        adapter_nonsense: the same about labels without a meaning.
        weighed: whether an adapter was heard on other folds, too; without, nobody knows what this one's word is
            worth, and the mapper does without it.
    """

    answers: FoldAnswers
    adapter: Mapping[Way, Sequence[LogProbs]] | None = None
    adapter_nonsense: Sequence[LogProbs] = ()
    weighed: bool = True

    def of(self, way: Way) -> list[Opinion]:
        """Opinions of everybody heard, one a label."""
        return _opinions(self.answers.opinions[way], None if self.adapter is None else self.adapter[way])

    def heard(self, opinions: Sequence[Opinion]) -> list[Opinion]:
        """The same as far as the mapper listens."""
        return list(opinions) if self.weighed else [{"retriever": opinion["retriever"]} for opinion in opinions]

    @property
    def nonsense(self) -> list[Opinion]:
        """The same about labels without a meaning."""
        return _opinions(self.answers.nonsense, None if self.adapter is None else self.adapter_nonsense)

    @property
    def judged(self) -> list[Judged]:
        """Everything there is to fit on."""
        named = [
            Judged(opinion, label.expected)
            for way in ASKED
            for label, opinion in zip(self.answers.labels, self.of(way), strict=True)
        ]
        return [*named, *(Judged(opinion, (UNKNOWN,)) for opinion in self.nonsense)]


class Told(NamedTuple):
    """One label of one fold and everything about how it was answered in one way.

    Attributes:
        alone: each voice's own distribution.
        model: the voices' together.
        answer: of the whole mapper.
    """

    fold: str
    label: HeldLabel
    alone: Mapping[Voice, Mapping[str, float]]
    model: Mapping[str, float]
    answer: Answer


def fitted(folds: Sequence[FoldOpinions]) -> tuple[Weights, Limits]:
    """Weights of the voices, and when they may answer, fitted on these folds."""
    judged = [case for fold in folds for case in fold.judged]
    weights = fit(judged)
    return weights, limits(judged, weights)


def assess(
    folds: Sequence[FoldOpinions],
    catalog: Catalog,
    detectors: Mapping[str, Sequence[str]],
    fired: Sequence[Firing],
    invented: Sequence[Nonsense],
    *,
    seed: int,
) -> SettingScores:
    """Every number of one setting.

    Args:
        folds: what was said about each of them.
        detectors: of each fold.
        fired: evidence for the rules, on all detectors.
        invented: labels without a meaning, in the order they were put to the voices.
        seed: of the bootstrap.
    """
    trusts = {}
    for fold in folds:
        weights, bounds = fitted([other for other in folds if other is not fold] or folds)
        without = detectors[fold.answers.fold]
        trusts[fold.answers.fold] = trust(weights, reliability(fired, without=without), bounds)
    weighed = [_weighed(fold, folds) for fold in folds]
    told = {way: [item for fold in weighed for item in _told(fold, way, catalog, detectors, trusts)] for way in WAYS}
    first = {way: _first_choices(told[way], folds, way) for way in WAYS}
    answered = {
        way: [_outcome(t.fold, t.label, t.answer.labels, t.answer.confidence) for t in told[way]] for way in WAYS
    }
    wrong = sorted(_errors(told["label"]), key=lambda e: (-e.confidence, e.detector, e.label))
    return SettingScores(
        standings={
            way: {
                name: standing(outcomes, answered[way] if name == MAPPER else outcomes, seed=seed)
                for name, outcomes in first[way].items()
            }
            for way in WAYS
        },
        gains={
            way: {
                name: difference(_shared(first[way][MAPPER], outcomes), outcomes, seed=seed)
                for name, outcomes in first[way].items()
                if name != MAPPER
            }
            for way in WAYS
        },
        trusts=trusts,
        nonsense=_refused(weighed, catalog, detectors, invented, trusts),
        reliability={way: reliability_bins(points(answered[way])) for way in WAYS},
        risk_coverage=risk_coverage(points(first["label"][MAPPER])),
        confusion=confusion(first["label"][MAPPER]),
        worst=tuple(wrong[:WORST]),
        errors=len(wrong),
    )


def _weighed(fold: FoldOpinions, folds: Sequence[FoldOpinions]) -> FoldOpinions:
    return fold._replace(weighed=any(other.adapter is not None for other in folds if other is not fold))


def standing(first: Sequence[Outcome], answered: Sequence[Outcome], *, seed: int) -> Standing:
    """How a system did, by its first choices and by its answers."""
    folds = {name: [o for o in first if o.split == name] for name in dict.fromkeys(o.split for o in first)}
    macro = {name: _mean(by_detector(outcomes).values()) for name, outcomes in folds.items()}
    return Standing(
        first=score(first, seed=seed),
        answered=score(answered, seed=seed),
        by_fold=macro,
        fold_mean=_mean(macro.values()),
    )


def _told(
    fold: FoldOpinions,
    way: Way,
    catalog: Catalog,
    detectors: Mapping[str, Sequence[str]],
    trusts: Mapping[str, Trust],
) -> Iterator[Told]:
    """Answers to every label of a fold, in the order they were asked."""
    name, labels = fold.answers.fold, fold.answers.labels
    rules, trusted = RuleMapper(catalog.without(detectors[name])), trusts[name]
    opinions = fold.of("label" if way == "vocabulary" else way)
    said = [fuse(opinion, trusted.weights) for opinion in fold.heard(opinions)]
    if way == "vocabulary":
        said = _by_vocabulary(labels, said)
    for label, opinion, probabilities in zip(labels, opinions, said, strict=True):
        rule = rules.find(label.detector, label.label, label.field)
        alone = {voice: fuse({voice: opinion[voice]}, trusted.weights) for voice in opinion}
        asked = label.question("label" if way == "vocabulary" else way)
        answer = decide(rule, probabilities, trust=trusted, said=(asked.label, asked.description))
        yield Told(name, label, alone, probabilities, answer)


def _by_vocabulary(labels: Sequence[HeldLabel], said: Sequence[dict[str, float]]) -> list[dict[str, float]]:
    found: dict[int, dict[str, float]] = {}
    for detector in dict.fromkeys(label.detector for label in labels):
        places = [place for place, label in enumerate(labels) if label.detector == detector]
        found.update(zip(places, together([said[place] for place in places]), strict=True))
    return [found[place] for place in range(len(labels))]


def _first_choices(told: Sequence[Told], folds: Sequence[FoldOpinions], way: Way) -> dict[str, list[Outcome]]:
    """First choices of every system, the mapper's first; whether they are right does not depend on the relation."""
    systems = {MAPPER: [_first(t, t.answer.first_choice[0], t.answer.first_confidence) for t in told]}
    voices: dict[str, Voice] = {RETRIEVER: "retriever", ADAPTER: "adapter"}
    if way != "vocabulary":
        for name, voice in voices.items():
            if heard := [t for t in told if voice in t.alone]:
                systems[name] = [_first(t, *_best(t.alone[voice])) for t in heard]
    systems[MODEL] = [_first(t, *_best(t.model)) for t in told]
    for fold in folds:
        for name, guesses in fold.answers.guesses["label" if way == "vocabulary" else way].items():
            outcomes = systems.setdefault(name, [])
            outcomes += [
                _outcome(fold.answers.fold, label, (guess.label,), guess.confidence, relation="any")
                for label, guess in zip(fold.answers.labels, guesses, strict=True)
            ]
    return systems


def _refused(
    folds: Sequence[FoldOpinions],
    catalog: Catalog,
    detectors: Mapping[str, Sequence[str]],
    invented: Sequence[Nonsense],
    trusts: Mapping[str, Trust],
) -> Refusals:
    asked = refused = 0
    for fold in folds:
        rules, trusted = RuleMapper(catalog.without(detectors[fold.answers.fold])), trusts[fold.answers.fold]
        for nonsense, opinion in zip(invented, fold.heard(fold.nonsense), strict=True):
            rule = rules.find(nonsense.detector, nonsense.label)
            answer = decide(rule, fuse(opinion, trusted.weights), trust=trusted, said=(nonsense.label,))
            asked += 1
            refused += answer.labels == (UNKNOWN,)
    return Refusals(asked=asked, refused=refused)


def _errors(told: Iterable[Told]) -> Iterator[FoldError]:
    for t in told:
        if t.answer.first_choice[0] not in t.label.expected:
            yield FoldError(
                fold=t.fold,
                detector=t.label.detector,
                label=t.label.label,
                expected=t.label.expected,
                got=t.answer.first_choice[0],
                confidence=t.answer.first_confidence,
            )


def _shared(ours: Sequence[Outcome], theirs: Sequence[Outcome]) -> list[Outcome]:
    cases = {outcome.case for outcome in theirs}
    return [outcome for outcome in ours if outcome.case in cases]


def _answered(told: Told) -> Outcome:
    return _outcome(told.fold, told.label, told.answer.labels, told.answer.confidence)


def _first(told: Told, label: str, confidence: float) -> Outcome:
    return _outcome(told.fold, told.label, (label,), confidence, relation="any")


def _outcome(
    fold: str, label: HeldLabel, predicted: tuple[str, ...], confidence: float, relation: Relation | None = None
) -> Outcome:
    return Outcome(
        case=f"{label.detector}/{label.field or ''}/{label.label}",
        unit=normalise(label.label) or label.label,
        detector=label.detector,
        split=fold,
        expected=label.expected,
        relation=relation or label.relation,
        predicted=predicted,
        confidence=min(1.0, max(0.0, confidence)),
    )


def _opinions(retriever: Sequence[LogProbs], adapter: Sequence[LogProbs] | None) -> list[Opinion]:
    if adapter is None:
        return [{"retriever": said} for said in retriever]
    return [{"retriever": one, "adapter": other} for one, other in zip(retriever, adapter, strict=True)]


def _best(probabilities: Mapping[str, float]) -> tuple[str, float]:
    return max(probabilities.items(), key=lambda item: (item[1], item[0]))


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
