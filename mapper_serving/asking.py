"""The use case within the use case: a label nobody has reviewed is put to the model, or answered without it.

Identical questions at one time are asked once, and an answer of the whole model is remembered by its release. When the
model cannot answer, rules do, then an earlier release's answer; when it could but too many questions wait, and nobody
else knows either, the caller is asked to come again.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from cachetools import LRUCache

from mapper_domain import ladder
from mapper_domain.errors import EngineError
from mapper_domain.ladder import Answer
from mapper_domain.question import Question
from mapper_domain.rules import RuleHit
from mapper_domain.voices import fuse
from mapper_serving import tracing
from mapper_serving.cache import Key
from mapper_serving.engines.base import Engine, Heard, Silence, silence
from mapper_serving.flights import Flights
from mapper_serving.problems import Code, Refusal
from mapper_serving.state import Serving
from mapper_serving.telemetry import Metrics

EARLIER_ANSWERS = 20_000
TOGETHER = 16
"""Most questions of one request that are asked at the same time: a long output must not fill the engine's queue."""


class Reply(NamedTuple):
    """An answer to one finding, and how many questions were put to the model for it."""

    answer: Answer
    calls: int = 0


class Miss(NamedTuple):
    """A label that somebody has to be asked about.

    Attributes:
        rule: what the rules say of it; never an audited mapping, which would have answered.
        threshold: of its detector's YAML; None for the release's.
    """

    key: Key
    question: Question
    rule: RuleHit | None
    threshold: float | None


class Asker:
    """Asks the engine of whichever release answers; remembers what earlier releases answered."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._earlier: LRUCache[Key, Answer] = LRUCache(EARLIER_ANSWERS)
        self._flights: Flights[tuple[Heard | None, Silence | None]] = Flights()

    async def replies(self, misses: Sequence[Miss], serving: Serving, deadline: float) -> list[Reply]:
        """Replies to labels of one request, in order, `TOGETHER` asked at a time.

        Raises:
            Refusal: `engine-busy` when too many questions wait and nobody else knows one of them.
        """
        found: list[Reply] = []
        for start in range(0, len(misses), TOGETHER):
            some = misses[start : start + TOGETHER]
            found += await asyncio.gather(*(self._reply(miss, serving, deadline) for miss in some))
        return found

    def remember(self, key: Key, answer: Answer, serving: Serving) -> Answer:
        """Keep an answer for its release, and for later ones whose model fails."""
        serving.cache.remember(key, answer)
        self._earlier[key] = answer
        return answer

    async def _reply(self, miss: Miss, serving: Serving, deadline: float) -> Reply:
        if serving.engine is None:
            self._fell_back(serving, "no-release")
            answer = ladder.decide(miss.rule, None, trust=serving.trust, threshold=miss.threshold)
            return Reply(self.remember(miss.key, answer, serving))
        serving.tally.note("asked")
        (heard, missing), joined = await self._ask(miss, serving, serving.engine, deadline)
        self._metrics.count("mapper_lookups_total", "shared" if joined else "asked")
        if missing is not None:
            self._fell_back(serving, missing)
        return Reply(self._weigh(miss, heard, missing, serving), calls=0 if joined else 1)

    def _weigh(self, miss: Miss, heard: Heard | None, missing: Silence | None, serving: Serving) -> Answer:
        """The ladder's answer to what was heard; remembered if the whole model was, else an earlier one may do."""
        probabilities = fuse(heard.opinion, serving.trust.weights) if heard else None
        said = (miss.question.label, miss.question.description)
        answer = ladder.decide(miss.rule, probabilities, trust=serving.trust, threshold=miss.threshold, said=said)
        if missing is None:
            if answer.route == "rules" or answer.guess is not None:
                self._fell_back(serving, "low-confidence")
            return self.remember(miss.key, answer, serving)
        earlier = self._earlier.get(miss.key)
        if answer.route == "unknown" and earlier is not None and set(earlier.labels) <= serving.catalog.taxonomy.names:
            return earlier.model_copy(update={"route": "cache"})
        if answer.route == "unknown" and heard is None and missing == "overloaded":
            raise Refusal(Code.ENGINE_BUSY, "Too many labels wait for the model; send the request again.")
        return answer

    async def _ask(
        self, miss: Miss, serving: Serving, engine: Engine, deadline: float
    ) -> tuple[tuple[Heard | None, Silence | None], bool]:
        """What the model says, what kept a voice of it silent, and whether another request asked for it.

        Where that one had less time than this one has, and it did not suffice, the question is asked again.
        """
        loop = asyncio.get_running_loop()
        while True:
            said, joined = await self._flights.ask(
                (serving, miss.key), deadline, lambda: self._call(miss.question, engine, deadline)
            )
            if not joined or said[1] != "timeout" or loop.time() >= deadline:
                return said, joined

    async def _call(self, question: Question, engine: Engine, deadline: float) -> tuple[Heard | None, Silence | None]:
        loop = asyncio.get_running_loop()
        started = loop.time()
        heard: Heard | None = None
        try:
            with tracing.stage("ask model"):
                heard = await engine.score(question, deadline)
            missing = heard.silence
        except EngineError as error:
            missing = silence(error)
        self._metrics.count("mapper_model_calls_total", missing or "answered")
        self._metrics.observe("mapper_model_call_duration_seconds", loop.time() - started)
        return heard, missing

    def _fell_back(self, serving: Serving, reason: str) -> None:
        self._metrics.count("mapper_fallbacks_total", reason)
        self._metrics.count("mapper_release_fallbacks_total", serving.versions.release, reason)
        serving.tally.note("unsure" if reason == "low-confidence" else "silent")
