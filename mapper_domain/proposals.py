"""Proposals: what a mapper suggests for the whole vocabulary of a detector, and what a person has to look at.

Judgement only: who asked the model is `mapper_assets.proposing` or `mapper_serving.proposing`, and how a proposal
looks as a detector file is `proposal_yaml`. A proposal is never a mapping: that takes a reviewer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, computed_field, field_validator, model_validator

from mapper_domain.catalog import Catalog
from mapper_domain.events import Probability
from mapper_domain.ladder import Answer, Trust, decide
from mapper_domain.privacy import is_name
from mapper_domain.question import Question
from mapper_domain.rules import AUDITED, Match, RuleHit, RuleMapper
from mapper_domain.taxonomy import SAFE, UNKNOWN
from mapper_domain.text import normalise
from mapper_domain.value import Value
from mapper_domain.verdicts import MAX_LABEL
from mapper_domain.vocabulary import together
from mapper_domain.voices import Opinion, Voice, fuse

CANDIDATES = 5
"""Most candidates shown for a label."""

CLOSE = 0.5
"""A second candidate at least this many times as likely as the first is close."""

SURE = 0.9
"""A voice this sure of a label needs no second one."""

_OTHER = UNKNOWN.split(".", 1)[0]
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_Line = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[^\r\n]*$")]


class Term(Value):
    """One native label of a vocabulary.

    Attributes:
        label: the detector's own string, exactly as it emits it.
        field: the part of the output it appears in, where that matters.
        description: a one-line explanation, where somebody has one.
    """

    label: str = Field(min_length=1, max_length=MAX_LABEL, pattern=r"^[^\r\n]*\S[^\r\n]*$")
    field: Annotated[_Line, Field(min_length=1)] | None = None
    description: _Line = ""


class Vocabulary(Value):
    """What a detector can say, as far as somebody told.

    Attributes:
        detector: its name as callers send it.
        kind: what it looks for, for example `pii`; empty when nobody said.
        version: the vendor's version the vocabulary was read from; empty when nobody said.
        terms: its labels, unique by (field, label).
    """

    detector: str
    kind: _Line = ""
    version: _Line = ""
    terms: tuple[Term, ...] = Field(min_length=1)

    @field_validator("detector")
    @classmethod
    def _is_a_name(cls, text: str) -> str:
        if not is_name(text):
            raise ValueError("must be the name of a detector: letters, digits and . _ - + /")
        return text

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        seen: set[tuple[str | None, str]] = set()
        for term in self.terms:
            if (term.field, term.label) in seen:
                raise ValueError(f"the label {term.label!r} is given twice")
            seen.add((term.field, term.label))
        return self

    @property
    def name(self) -> str:
        """The name its file would have in the catalogue: lower-case words and hyphens."""
        return catalogue_name(self.detector)

    @property
    def questions(self) -> tuple[Question, ...]:
        """What the mapper is asked about each term, in order."""
        return tuple(Question(detector=self.name, kind=self.kind, **dict(term)) for term in self.terms)


class Candidate(Value):
    """A canonical label that may be meant, and how probable that is."""

    label: str
    probability: Probability


class Reason(StrEnum):
    """Why a person has to decide about a suggestion."""

    NOBODY_KNOWS = "nobody-knows"
    BELOW_THRESHOLD = "below-threshold"
    CLOSE_CANDIDATES = "close-candidates"
    SAYS_SAFE = "says-safe"
    RULES_DISAGREE = "rules-disagree"
    UNUSUAL_FOR_KIND = "unusual-for-kind"

    @property
    def sentence(self) -> str:
        """The same for a reader."""
        return _SENTENCES[self]


_SENTENCES: Mapping[Reason, str] = {
    Reason.NOBODY_KNOWS: "neither rules nor model know it",
    Reason.BELOW_THRESHOLD: "below the threshold",
    Reason.CLOSE_CANDIDATES: "a second candidate is close",
    Reason.SAYS_SAFE: "only a person may call something safe",
    Reason.RULES_DISAGREE: "rules and model disagree",
    Reason.UNUSUAL_FOR_KIND: "no detector of this kind reports such things",
}


class Suggestion(Value):
    """What is suggested for one term.

    Attributes:
        taxonomy: the first choice, primary label first; `OTHER.Unknown` where there is none. All of several apply.
        confidence: probability that the first choice is right.
        answer: what `/map` would answer today: the first choice, or `OTHER.Unknown` where it is not sure enough.
        candidates: the most probable labels, best first; empty when no model was heard.
        match: how a rule knows the label, if one does. `exact` and `format` are reviewed mappings of this detector.
        heard: voices that were asked about it.
        reasons: why a person has to decide; none for what is reviewed already.
    """

    label: str
    field: str | None = None
    description: str = ""
    taxonomy: tuple[str, ...]
    confidence: Probability
    answer: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()
    match: Match | None = None
    heard: tuple[Voice, ...] = ()
    reasons: tuple[Reason, ...] = ()

    @computed_field  # type: ignore[prop-decorator]  # pydantic's documented way
    @property
    def needs_review(self) -> bool:
        """Whether it must not become a mapping before a person has decided."""
        return bool(self.reasons)

    @property
    def reviewed(self) -> bool:
        """Whether the catalogue has this very label of this detector already, spelling aside."""
        return self.match in AUDITED


class Proposal(Value):
    """Suggestions for the vocabulary of one detector.

    Attributes:
        detector: its name in the catalogue.
        sent_as: the name callers use.
        release: who suggests: a release, or `rules`.
        exists: whether the catalogue has this detector already.
        labels: one for each term, in order.
    """

    detector: str
    sent_as: str
    kind: str = ""
    version: str = ""
    release: str
    exists: bool
    labels: tuple[Suggestion, ...]

    @property
    def settled(self) -> tuple[Suggestion, ...]:
        """New labels a file may map as they are."""
        return tuple(s for s in self.labels if not s.needs_review and not s.reviewed)

    @property
    def to_review(self) -> tuple[Suggestion, ...]:
        """Labels a person has to decide about."""
        return tuple(s for s in self.labels if s.needs_review)


def catalogue_name(detector: str) -> str:
    """The name a detector's file would have: `Acme_Guard/v2` is `acme-guard-v2`."""
    return _SEPARATORS.sub("-", detector.lower()).strip("-")


def unreviewed(vocabulary: Vocabulary, rules: RuleMapper) -> tuple[int, ...]:
    """Which terms a model is to be asked about: those not reviewed already, without what has no word in it."""
    return tuple(
        i
        for i, term in enumerate(vocabulary.terms)
        if normalise(term.label) and not _audited(rules.find(vocabulary.name, term.label, term.field))
    )


def unsure(probabilities: Sequence[Mapping[str, float]]) -> tuple[int, ...]:
    """Which of these opinions another voice should be asked about too, the least sure first."""
    surest = [max(opinion.values()) for opinion in probabilities]
    return tuple(sorted((i for i, p in enumerate(surest) if p < SURE), key=lambda i: surest[i]))


def propose(
    vocabulary: Vocabulary,
    opinions: Sequence[Opinion],
    *,
    catalog: Catalog,
    rules: RuleMapper,
    trust: Trust,
    release: str,
    apart: bool = False,
) -> Proposal:
    """Suggestions for every term of a vocabulary.

    Args:
        vocabulary: the detector's labels.
        opinions: what the voices that were heard say about each term; empty for a term nobody was asked about.
        catalog: what is reviewed already; of a detector in it, the reviewed labels are context for the new ones.
        rules: over the same catalogue.
        trust: the release's measured reliabilities.
        release: who suggests.
        apart: judge each term without regard to the others.
    """
    known = catalog.by_name.get(vocabulary.name)
    least = None if known is None else known.threshold
    hits = [rules.find(vocabulary.name, term.label, term.field) for term in vocabulary.terms]
    probabilities: list[dict[str, float] | None] = [fuse(o, trust.weights) if o else None for o in opinions]
    if not apart:
        context = [{mapping.canonical[0]: 1.0} for mapping in known.maps] if known else []
        asked = [i for i, hit in enumerate(hits) if probabilities[i] is not None and not _audited(hit)]
        weighed = together([*(probabilities[i] or {} for i in asked), *context])
        for i, reweighed in zip(asked, weighed, strict=False):
            probabilities[i] = reweighed
    kind = vocabulary.kind or (known.kind if known else "")
    usual = _categories(catalog, kind)
    labels = []
    for term, hit, said, opinion in zip(vocabulary.terms, hits, probabilities, opinions, strict=True):
        answer = decide(hit, said, trust=trust, threshold=least, said=(term.label, term.description))
        candidates = _candidates(said)
        labels.append(
            Suggestion(
                **dict(term),
                taxonomy=answer.first_choice,
                confidence=min(1.0, answer.first_confidence),
                answer=answer.labels,
                candidates=candidates,
                match=None if hit is None else hit.match,
                heard=tuple(sorted(opinion)),
                reasons=() if _audited(hit) else _reasons(answer, candidates, usual),
            )
        )
    return Proposal(
        detector=vocabulary.name,
        sent_as=vocabulary.detector,
        kind=kind,
        version=vocabulary.version or (known.version if known else ""),
        release=release,
        exists=known is not None,
        labels=tuple(labels),
    )


def _audited(hit: RuleHit | None) -> bool:
    return hit is not None and hit.match in AUDITED


def _candidates(probabilities: Mapping[str, float] | None) -> tuple[Candidate, ...]:
    ranked = sorted((probabilities or {}).items(), key=lambda item: (-item[1], item[0]))
    return tuple(Candidate(label=label, probability=min(1.0, p)) for label, p in ranked[:CANDIDATES])


def _reasons(answer: Answer, candidates: Sequence[Candidate], usual: frozenset[str]) -> tuple[Reason, ...]:
    if answer.first_choice == (UNKNOWN,):
        return (Reason.NOBODY_KNOWS,)
    says_safe = bool(candidates) and candidates[0].label == SAFE and answer.match is None
    found = {
        Reason.BELOW_THRESHOLD: answer.guess is not None and not says_safe,
        Reason.CLOSE_CANDIDATES: len(candidates) > 1 and candidates[1].probability >= CLOSE * candidates[0].probability,
        Reason.SAYS_SAFE: says_safe,
        Reason.RULES_DISAGREE: answer.agreement is False,
        Reason.UNUSUAL_FOR_KIND: bool(usual) and not usual.issuperset(_named(answer.first_choice)),
    }
    return tuple(reason for reason, holds in found.items() if holds)


def _categories(catalog: Catalog, kind: str) -> frozenset[str]:
    """Categories that reviewed detectors of a kind report, `OTHER` among them; empty for a kind nobody has."""
    named = {c for d in catalog.detectors if d.kind == kind for m in d.maps for c in _named(m.taxonomy)}
    return frozenset(named | {_OTHER}) if kind and named else frozenset()


def _named(labels: Iterable[str]) -> set[str]:
    return {label.split(".", 1)[0] for label in labels}
