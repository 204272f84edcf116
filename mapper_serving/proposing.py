"""The use case: a detector's whole vocabulary becomes a proposal, within a deadline. No HTTP here, and no event.

The quick voice is asked about every label that is not reviewed already. The slow one is asked about those of which
the quick one is unsure, the least sure first, one at a time, so that live traffic waits for one of them at most.
"""

import asyncio

from mapper_domain.errors import EngineError
from mapper_domain.proposals import Proposal, Vocabulary, propose, unreviewed, unsure
from mapper_domain.question import Question
from mapper_domain.voices import Opinion, Weights, fuse
from mapper_serving.engines.base import Engine
from mapper_serving.state import Serving


async def propose_within(vocabulary: Vocabulary, serving: Serving, deadline: float) -> Proposal:
    """What the release in service suggests; without one, what the rules alone do.

    Args:
        vocabulary: the detector's labels.
        serving: the state that answers all of it.
        deadline: time of the running loop after which no voice is asked any more.
    """
    known = serving.catalog.by_name.get(vocabulary.name)
    if known is not None and not vocabulary.kind:
        vocabulary = vocabulary.model_copy(update={"kind": known.kind})
    opinions: list[Opinion] = [{} for _ in vocabulary.terms]
    if serving.engine is not None:
        questions = vocabulary.questions
        wanted = {i: questions[i] for i in unreviewed(vocabulary, serving.rules)}
        for i, opinion in (await _hear(serving.engine, wanted, serving.trust.weights, deadline)).items():
            opinions[i] = opinion
    return await asyncio.to_thread(
        propose,
        vocabulary,
        opinions,
        catalog=serving.catalog,
        rules=serving.rules,
        trust=serving.trust,
        release=serving.versions.release,
    )


async def _hear(engine: Engine, wanted: dict[int, Question], weights: Weights, deadline: float) -> dict[int, Opinion]:
    """What the voices say, by question; without the questions of which nobody was heard."""
    loop = asyncio.get_running_loop()
    heard: dict[int, Opinion] = {}
    for i, question in wanted.items():
        if loop.time() >= deadline:
            return heard
        try:
            # With a deadline that has passed, only the quick voice is waited for.
            heard[i] = (await engine.score(question, loop.time())).opinion
        except EngineError:
            continue
    missed = [i for i in wanted if i not in heard]
    asked = list(heard)
    doubted = [asked[place] for place in unsure([fuse(heard[i], weights) for i in asked])]
    for i in (*missed, *doubted):
        if loop.time() >= deadline:
            break
        try:
            more = await engine.score(wanted[i], deadline)
        except EngineError:
            continue
        heard[i] = {**heard.get(i, {}), **more.opinion}
        if more.silence == "overloaded":
            break
    return heard
