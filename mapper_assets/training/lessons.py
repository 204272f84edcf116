"""Everything there is to learn from: reviewed mappings, the taxonomy, the lexicon, invented detectors, nonsense.

Adapter, retriever and the rivals they are compared with all learn from these, so none of them knows what the others
were never told. How a lesson is spelt or how often it is repeated belongs to each of them.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

from mapper_assets.training import synthetic
from mapper_assets.training.splits import share
from mapper_domain.catalog import Catalog
from mapper_domain.detectors import Detector, LabelMapping, Relation
from mapper_domain.forms import Reviewed, objection, reviewed
from mapper_domain.lexicon import Lexicon
from mapper_domain.taxonomy import UNKNOWN, Label
from mapper_domain.text import normalise
from mapper_domain.value import Value

Source = Literal[
    "mapping",
    "taxonomy",
    "form",
    "crossed",
    "described",
    "contrast",
    "description",
    "invented",
    "synthetic",
    "nonsense",
]
"""Where a lesson comes from. `crossed` is a name with an ending: many, and much alike. `description` is a sentence
that stands for a label without any label string."""

ALWAYS: frozenset[Source] = frozenset({"mapping", "taxonomy", "nonsense", "synthetic"})
"""Sources no budget cuts."""

CROSSED_SHARE = 0.2
"""Part of the names with endings that classifiers learn."""

NONSENSE_LESSONS = 600
_OVERRULED: frozenset[Source] = frozenset({"form", "contrast"})
_RANK: Mapping[Source, int] = {
    "form": 0,
    "taxonomy": 1,
    "crossed": 2,
    "described": 3,
    "contrast": 3,
    "description": 4,
}


class Lesson(Value):
    """One text and what it means. It is to be learnt as it stands: with its description, or without.

    A label that says something without its description is two lessons, one with and one without.

    Attributes:
        text: a label string, an alias, a form, or a description (`source` is then `description`).
        description: the one-line description beside it, empty if there is none.
        detector: who says it, empty when anybody might.
        kind: what that detector looks for, empty when nobody said.
        field: the part of its output the label appears in.
        canonical: canonical labels, the primary one first.
        relation: `any`, one of the labels is meant and the first is taught; `all`, every one applies.
        source: where it comes from.
    """

    text: str
    description: str = ""
    detector: str = ""
    kind: str = ""
    field: str | None = None
    canonical: tuple[str, ...]
    relation: Relation = "any"
    source: Source

    @property
    def target(self) -> str:
        """The label a classifier learns to give."""
        return self.canonical[0]

    @property
    def answer(self) -> tuple[str, ...]:
        """The labels an event carries for it: all of them, or the primary one."""
        return self.canonical if self.relation == "all" else self.canonical[:1]


def lessons(
    known: Catalog,
    lexicon: Lexicon,
    seed: int,
    *,
    hidden: Collection[tuple[str, str]] = (),
    strict: Collection[str] = (),
) -> tuple[Lesson, ...]:
    """Distinct lessons, sorted; the same arguments give the same lessons.

    A form or contrast of the lexicon that contradicts what is known teaches nothing: a reviewed mapping is an audited
    fact. What is held out overrules nothing: a form that is missing would tell that somebody gives it another meaning.

    Args:
        known: the catalogue without held-out detectors.
        lexicon: forms, contrasts, descriptions and invented detectors, whatever the shipped detectors say of them.
        seed: of invented rows and nonsense.
        hidden: (detector, label) pairs of `known` that are held out, in any spelling.
        strict: label strings nothing of the lexicon may give away: forms, contrasts and invented labels that equal
            one of them, case and separators aside, are left out.
    """
    reserved = frozenset(normalise(text) for text in strict)
    unseen = frozenset((detector, normalise(label)) for detector, label in hidden)
    shown = [
        (detector, mapping)
        for detector in known.detectors
        for mapping in detector.maps
        if (detector.name, normalise(mapping.label)) not in unseen
    ]
    written = [
        *_from_taxonomy(known.taxonomy.labels),
        *(lesson for lesson in _from_concepts(lexicon) if normalise(lesson.text) not in reserved),
    ]
    found = [
        *(lesson for detector, mapping in shown for lesson in _from_mapping(detector, mapping, "mapping")),
        *_upheld(_settled(written), reviewed((detector.name, mapping) for detector, mapping in shown)),
        *(
            lesson
            for detector in lexicon.detectors
            for mapping in detector.maps
            for lesson in _from_mapping(detector, mapping, "invented")
            if normalise(lesson.text) not in reserved
        ),
        *_from_synthetic(known, seed),
        *_from_nothing(known, seed),
    ]
    return tuple(sorted(_distinct(found), key=_order))


def fewer(found: Collection[Lesson], most: int | None, seed: int) -> tuple[Lesson, ...]:
    """What classifiers learn: a seeded sample of lessons in their order, with one in five names with endings.

    All of those take twice the time and gained the strongest rival nothing on the folds.

    Args:
        most: how many lessons there may be beside reviewed mappings, taxonomy and nonsense; None for all.
    """
    drawn = {lesson: share(seed, "fewer", *_order(lesson)) for lesson in found if lesson.source not in ALWAYS}
    extra = [lesson for lesson, drawn_at in drawn.items() if lesson.source != "crossed" or drawn_at < CROSSED_SHARE]
    kept = frozenset(sorted(extra, key=lambda lesson: drawn[lesson] / _odds(lesson))[:most])
    return tuple(lesson for lesson in found if lesson.source in ALWAYS or lesson in kept)


def _odds(lesson: Lesson) -> float:
    """So that a small budget thins all sources alike."""
    return CROSSED_SHARE if lesson.source == "crossed" else 1.0


def by_source(found: Iterable[Lesson]) -> dict[str, int]:
    """Lessons by source, most first."""
    return dict(Counter(lesson.source for lesson in found).most_common())


def by_label(found: Iterable[Lesson]) -> dict[str, int]:
    """Lessons by the label they teach, most first."""
    return dict(Counter(lesson.target for lesson in found).most_common())


def _from_mapping(detector: Detector, mapping: LabelMapping, source: Source) -> Iterator[Lesson]:
    descriptions = {mapping.description} if mapping.opaque else {"", mapping.description}
    yield from (_of(detector, mapping, words, source) for words in descriptions if words or not mapping.opaque)


def _of(detector: Detector, mapping: LabelMapping, description: str, source: Source) -> Lesson:
    return Lesson(
        text=mapping.label,
        description=description,
        detector=detector.name,
        kind=detector.kind,
        field=mapping.field,
        canonical=mapping.taxonomy,
        relation=mapping.relation,
        source=source,
    )


def _from_taxonomy(labels: Collection[Label]) -> Iterator[Lesson]:
    """Names, their last parts, aliases and descriptions."""
    for label in labels:
        for text in (label.name, label.name.rsplit(".", 1)[1], *label.aliases):
            yield Lesson(text=text, canonical=(label.name,), source="taxonomy")
        if label.description:
            yield Lesson(text=label.description, canonical=(label.name,), source="description")


def _from_concepts(lexicon: Lexicon) -> Iterator[Lesson]:
    """Forms with and without their descriptions, contrasts and descriptions."""
    for concept in lexicon.concepts:
        canonical = (concept.label,)
        for form in concept.forms:
            yield Lesson(text=form, canonical=canonical, source="form")
        for form, description in concept.described.items():
            for words in (description, ""):
                yield Lesson(text=form, description=words, canonical=canonical, source="described")
        for form, sibling in concept.contrasts.items():
            yield Lesson(text=form, canonical=(sibling,), source="contrast")
        for sentence in concept.descriptions:
            yield Lesson(text=sentence, canonical=canonical, source="description")
    for form, label in lexicon.crossed.items():
        yield Lesson(text=form, canonical=(label,), source="crossed")


def _settled(found: Iterable[Lesson]) -> Iterator[Lesson]:
    """Without texts that mean several labels where nothing beside them tells which.

    A form's usual meaning counts before an alias, that before a name with an ending, and that before a described
    form or a contrast; where the same rank claims several labels, the text alone teaches nothing.
    """
    alone: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    kept = list(found)
    for lesson in kept:
        if not lesson.description:
            alone[normalise(lesson.text)][_RANK[lesson.source]].add(lesson.target)
    for lesson in kept:
        claims = alone[normalise(lesson.text)]
        if lesson.description or claims[min(claims)] == {lesson.target}:
            yield lesson


def _upheld(found: Iterable[Lesson], known: Reviewed) -> Iterator[Lesson]:
    """Without forms and contrasts that were reviewed to mean something else.

    They are left out after `_settled`, so that no rarer meaning takes the place of a usual one that was refuted.
    Described forms stay: whoever describes one knows of the other meaning.
    """
    for lesson in found:
        if lesson.source not in _OVERRULED or objection(lesson.text, lesson.target, known) is None:
            yield lesson


def _from_synthetic(known: Catalog, seed: int) -> Iterator[Lesson]:
    for concept in synthetic.concepts(seed):
        if concept.canonical in known.taxonomy.names:
            for meaning in ("", concept.meaning):
                yield Lesson(
                    text=concept.label,
                    description=meaning,
                    detector=concept.detector,
                    canonical=(concept.canonical,),
                    source="synthetic",
                )


def _from_nothing(known: Catalog, seed: int) -> Iterator[Lesson]:
    """Meaningless labels of nobody, of invented detectors and of real ones: only the label may decide."""
    chance = random.Random(f"{seed}:nothing")  # noqa: S311  (reproducible choice, no secret)
    for number, text in enumerate(synthetic.unmappable(seed, NONSENSE_LESSONS)):
        detector, kind = "", ""
        if number % 3 == 1:
            detector = synthetic.detector_name(chance)
        elif number % 3 == 2 and known.detectors:
            real = chance.choice(known.detectors)
            detector, kind = real.name, real.kind
        yield Lesson(text=text, detector=detector, kind=kind, canonical=(UNKNOWN,), source="nonsense")


def _distinct(found: Iterable[Lesson]) -> Iterable[Lesson]:
    """Each lesson once, wherever it was found first."""
    first: dict[tuple[str, ...], Lesson] = {}
    for lesson in found:
        first.setdefault(_order(lesson)[:-1], lesson)
    return first.values()


def _order(lesson: Lesson) -> tuple[str, ...]:
    return (
        lesson.text,
        lesson.description,
        lesson.detector,
        lesson.kind,
        lesson.field or "",
        lesson.relation,
        "\n".join(lesson.canonical),
        lesson.source,
    )
