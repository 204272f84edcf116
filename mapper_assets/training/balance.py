"""In which order lessons become training rows, so that the first n of them are balanced, whatever n is.

Every canonical label gets rows in proportion to the square root of what there is to say about it: thousands of
names with an ending teach one thing. Within a label, sources, detectors and concepts take turns. How a lesson is
worded as a row is `wording`'s business.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mapper_assets.training.lessons import Lesson, Source
from mapper_assets.training.splits import share
from mapper_domain.lexicon import Lexicon
from mapper_domain.taxonomy import UNKNOWN

TURNS = 2
"""How often a label may come back in another spelling."""

DESCRIBED = 0.3
"""Part of the labels that may stand alone that are taught with their description."""

UNKNOWN_SHARE = 0.07
LARGEST_SHARE = 0.025
SOURCE_WEIGHTS: Mapping[Source, float] = {
    "mapping": 0.34,
    "invented": 0.2,
    "form": 0.2,
    "crossed": 0.05,
    "described": 0.05,
    "contrast": 0.04,
    "taxonomy": 0.04,
    "description": 0.06,
    "synthetic": 0.04,
    "nonsense": 0.8,
}


class Pick(NamedTuple):
    """A lesson, and whether it comes for the first time or again, in another spelling."""

    lesson: Lesson
    turn: int


def balanced(found: Iterable[Lesson], lexicon: Lexicon, *, seed: int) -> Iterator[Pick]:
    """Every lesson, in an order whose beginnings are balanced.

    Of the two versions of a label, with its description and without, there is one.

    Args:
        found: the lessons.
        lexicon: which forms belong to one concept.
        seed: of every choice.
    """
    concepts = _concepts(lexicon)
    by_label: dict[str, list[Lesson]] = defaultdict(list)
    for lesson in _one_version(found, seed):
        by_label[lesson.target].append(lesson)
    weights = _weights(by_label)
    ranked = [
        ((position + 0.5) / weights[label], label, pick)
        for label, taught in by_label.items()
        for position, pick in enumerate(_in_turn(taught, concepts, seed))
    ]
    ranked.sort(key=lambda entry: entry[:2])
    return (pick for _, _, pick in ranked)


def _one_version(found: Iterable[Lesson], seed: int) -> Iterator[Lesson]:
    versions: dict[tuple[str, str, str | None, str], list[Lesson]] = defaultdict(list)
    for lesson in found:
        versions[lesson.text, lesson.detector, lesson.field, lesson.target].append(lesson)
    for key, same in versions.items():
        plain = [lesson for lesson in same if not lesson.description]
        described = [lesson for lesson in same if lesson.description]
        if described and (not plain or share(seed, "described", *key) < DESCRIBED):
            yield min(described, key=lambda lesson: share(seed, lesson.description))
        else:
            yield plain[0]


def _weights(by_label: Mapping[str, Sequence[Lesson]]) -> dict[str, float]:
    """Square roots of what there is to learn, with bounds on the largest and a fixed part for `OTHER.Unknown`."""
    weights = {
        label: math.sqrt(1 + sum(lesson.source != "crossed" for lesson in taught)) for label, taught in by_label.items()
    }
    most = LARGEST_SHARE * math.fsum(weights.values())
    weights = {label: min(weight, most) for label, weight in weights.items()}
    others = math.fsum(weight for label, weight in weights.items() if label != UNKNOWN)
    return weights | ({UNKNOWN: others * UNKNOWN_SHARE / (1 - UNKNOWN_SHARE)} if others and UNKNOWN in weights else {})


def _in_turn(taught: Iterable[Lesson], concepts: Mapping[tuple[str, str], int], seed: int) -> list[Pick]:
    """Picks of one label: the strands take turns by weight, each in seeded order, first spellings first."""
    strands: dict[tuple[Source, str | int | None], list[Lesson]] = defaultdict(list)
    for lesson in taught:
        strands[lesson.source, lesson.detector or concepts.get((lesson.target, lesson.text))].append(lesson)
    sizes: dict[Source, float] = defaultdict(float)
    for (source, _), strand in strands.items():
        sizes[source] += math.sqrt(len(strand))
    ranked = []
    for (source, group), strand in strands.items():
        weight = SOURCE_WEIGHTS[source] * math.sqrt(len(strand)) / sizes[source]
        strand.sort(key=lambda lesson: share(seed, "order", lesson.text, lesson.detector, lesson.field))
        picks = [Pick(lesson, turn) for turn in range(TURNS) for lesson in strand]
        for position, pick in enumerate(picks):
            late = share(seed, source, group, position)
            ranked.append(((position + late) / weight, pick.lesson.text, pick.lesson.detector, pick.turn, pick))
    ranked.sort(key=lambda entry: entry[:4])
    return [entry[-1] for entry in ranked]


def _concepts(lexicon: Lexicon) -> dict[tuple[str, str], int]:
    """Number of the concept that a (label, form) pair was written in."""
    return {
        pair: number
        for number, concept in enumerate(lexicon.concepts)
        for pair in (
            *((concept.label, form) for form in (*concept.forms, *concept.described)),
            *((sibling, form) for form, sibling in concept.contrasts.items()),
        )
    }
