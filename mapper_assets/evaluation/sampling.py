"""Which golden cases the model is asked about. Model calls are the cost of an evaluation; everything else is free.

Most are cases the model decides; a small sample of those a reviewed mapping decides measures the adapter alone and
how often it disagrees with a reviewer. What was not asked is made up for by weights, never left out in silence.
"""

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain, zip_longest
from typing import NamedTuple

from mapper_domain.value import Value

AUDITED_GROUP = "audited"
"""Group of the cases a reviewed mapping decides whatever the model says."""

SHARES: Mapping[str, float] = {AUDITED_GROUP: 0.1, "variant": 0.1, "unseen_label": 0.2}
"""Part of the calls a group may take where others want them; groups without an entry share what is left."""


class Budget(Value):
    """How much may be asked.

    Attributes:
        calls: distinct questions put to the model, about 0.2 to 0.4 s each with the small base on one core.
    """

    name: str
    calls: int


BUDGETS = {
    budget.name: budget
    for budget in (
        Budget(name="tiny", calls=150),
        Budget(name="default", calls=350),
        Budget(name="full", calls=10_000),
    )
}


class Candidate(NamedTuple):
    """One golden case as far as sampling cares.

    Attributes:
        group: cases that compete for the same share of the budget.
        stratum: cases that stand for each other when only some of them are asked; part of one group.
    """

    case: str
    question: str
    group: str
    stratum: str


class Sample(NamedTuple):
    """What to ask, and for how many cases of its stratum each asked case stands.

    Attributes:
        questions: distinct, in the order of the candidates.
        weights: by case; a case whose question is not asked has none.
    """

    questions: tuple[str, ...]
    weights: Mapping[str, float]


def draw(candidates: Sequence[Candidate], calls: int, seed: int) -> Sample:
    """Share `calls` between the groups, and within a group take strata in turn, seeded.

    Groups with a share take it first; of the others, small ones are asked whole and leave their rest to larger ones;
    what nobody else wants goes to the groups with a share. A case whose question is asked for another's sake counts
    as asked.
    """
    groups: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.group].append(candidate)
    orders = {name: _in_turn(group, random.Random(f"{seed}/{name}")) for name, group in groups.items()}  # noqa: S311
    shared = sorted(orders.keys() & SHARES.keys())
    others = sorted(orders.keys() - SHARES.keys(), key=lambda name: (len(set(orders[name])), name))
    chosen: dict[str, None] = {}
    for name in shared:
        _take(orders[name], min(int(SHARES[name] * calls), calls - len(chosen)), chosen)
    for position, name in enumerate(others):
        _take(orders[name], (calls - len(chosen)) // (len(others) - position), chosen)
    for name in shared:
        _take(orders[name], calls - len(chosen), chosen)
    return Sample(
        questions=tuple(dict.fromkeys(c.question for c in candidates if c.question in chosen)),
        weights=_weights(candidates, chosen),
    )


def _take(order: Iterable[str], most: int, chosen: dict[str, None]) -> None:
    """Choose at most so many questions that are not chosen yet."""
    fresh = [question for question in dict.fromkeys(order) if question not in chosen]
    chosen.update(dict.fromkeys(fresh[: max(0, most)]))


def _in_turn(group: Iterable[Candidate], drawn: random.Random) -> list[str]:
    """Questions of a group: one of each stratum, then a second of each, and so on, shuffled within strata."""
    strata: defaultdict[str, list[str]] = defaultdict(list)
    for candidate in group:
        strata[candidate.stratum].append(candidate.question)
    for questions in strata.values():
        drawn.shuffle(questions)
    rounds = zip_longest(*(strata[name] for name in sorted(strata)))
    return [question for question in chain.from_iterable(rounds) if question is not None]


def _weights(candidates: Sequence[Candidate], chosen: Collection[str]) -> dict[str, float]:
    size: defaultdict[str, int] = defaultdict(int)
    asked: defaultdict[str, int] = defaultdict(int)
    for candidate in candidates:
        size[candidate.stratum] += 1
        asked[candidate.stratum] += candidate.question in chosen
    return {c.case: size[c.stratum] / asked[c.stratum] for c in candidates if c.question in chosen}
