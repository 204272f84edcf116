"""The use case: one detector output becomes canonical events. No HTTP and no disk here.

Every label takes the ladder of `mapper_domain.ladder`: known answer, both voices of the model, the retriever alone,
rules, earlier answer, unknown.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from cachetools import LRUCache

from mapper_domain import ladder
from mapper_domain.detectors import Detector
from mapper_domain.errors import DetectorFailed, EngineError, PayloadError
from mapper_domain.ladder import Answer
from mapper_domain.payloads import Finding, Payload, findings
from mapper_domain.question import Question
from mapper_domain.rules import AUDITED, RuleHit
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import nearest, normalise
from mapper_domain.verdicts import MAX_LABEL
from mapper_domain.voices import fuse
from mapper_serving import outbox, recording
from mapper_serving.bodies import MapRequest
from mapper_serving.engines.base import Engine, Heard, silence
from mapper_serving.identity.principal import Tenant
from mapper_serving.problems import Code, Refusal
from mapper_serving.settings import Settings
from mapper_serving.state import Serving
from mapper_serving.telemetry import Metrics, Window

EARLIER_ANSWERS = 20_000
WINDOW_EVENTS = 10_000


class _Reply(NamedTuple):
    """An answer to one finding, and how many questions were put to the model for it."""

    answer: Answer
    calls: int = 0


class Mapper:
    """Maps requests; remembers what earlier releases answered, for when the model does not.

    Attributes:
        calls: questions put to the model for each of the last events.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.calls = Window(WINDOW_EVENTS)
        self._settings = settings
        self._metrics = metrics
        self._earlier: LRUCache[Question, Answer] = LRUCache(EARLIER_ANSWERS)

    async def map(
        self, request: MapRequest, tenant: Tenant, serving: Serving, *, deadline: float, now: datetime
    ) -> tuple[outbox.Event, ...]:
        """The events for one output, ready to be made durable together: one, or one for each finding.

        Args:
            request: what was sent, checked; says which.
            tenant: who sent it.
            serving: the state that answers all of it.
            deadline: time of the running loop after which the adapter is not waited for.
            now: when it was received.

        Raises:
            Refusal: `unknown-detector`, `unreadable-output` or `output-too-long`.
        """
        detector = self._detector(request.detector, serving)
        found = self._findings(request, detector)
        occurred_at = (request.occurred_at or now).astimezone(UTC)
        context = recording.Context(request, detector, tenant, serving, occurred_at)
        if not found:
            return (self._event(context, _Reply(ladder.failed() if found is None else ladder.safe()), ()),)
        replies = [await self._answer(request, detector, finding, serving, deadline) for finding in found]
        if request.events == "per_finding":
            return tuple(
                self._event(context, reply, (finding.label,)) for finding, reply in zip(found, replies, strict=True)
            )
        whole = _Reply(ladder.combine([reply.answer for reply in replies]), sum(reply.calls for reply in replies))
        return (self._event(context, whole, tuple(dict.fromkeys(finding.label for finding in found))),)

    def _event(self, context: recording.Context, reply: _Reply, labels: recording.Labels) -> outbox.Event:
        answer = reply.answer
        self.calls.add(reply.calls)
        self._metrics.count("mapper_answers_total", answer.route)
        self._metrics.observe("mapper_confidence_ratio", answer.confidence)
        if answer.labels == (UNKNOWN,):
            self._metrics.count("mapper_unknown_total")
        if answer.route == "rules" and answer.agreement is False:
            self._metrics.count("mapper_disagreements_total")
        return recording.row(context, answer, labels)

    def _detector(self, name: str, serving: Serving) -> Detector | None:
        known = serving.catalog.by_name
        if (detector := known.get(name)) is not None or self._settings.unknown_detectors == "model":
            return detector
        near = nearest(name, known)
        hint = f"The nearest known are {', '.join(near)}." if near else "GET /version lists the known ones."
        raise Refusal(Code.UNKNOWN_DETECTOR, f"{hint} Add a YAML for this detector, or allow unknown detectors.")

    def _findings(self, request: MapRequest, detector: Detector | None) -> Sequence[Finding] | None:
        """What the detector found, or None when it says that it failed."""
        payload, output = detector.native if detector else None, request.output
        if isinstance(output, str) and len(output) > MAX_LABEL and not _may_be_long(output, payload):
            raise Refusal(
                Code.OUTPUT_TOO_LONG, f"A label may take {MAX_LABEL} characters; send the label, not what was scanned."
            )
        try:
            return findings(output, payload)
        except DetectorFailed:
            return None
        except PayloadError as error:
            raise Refusal(Code.UNREADABLE_OUTPUT, str(error)) from None

    async def _answer(
        self, request: MapRequest, detector: Detector | None, finding: Finding, serving: Serving, deadline: float
    ) -> _Reply:
        field = finding.field or request.metadata.field
        if (known := serving.known.get((request.detector, field, finding.label))) is not None:
            self._metrics.count("mapper_known_labels_total")
            return _Reply(known)
        question = Question(
            detector=request.detector,
            label=finding.label,
            kind=detector.kind if detector else "",
            field=field,
            description=finding.description or request.metadata.description,
        )
        if (seen := serving.seen.get(question)) is not None:
            return _Reply(seen)
        rule = serving.rules.find(question.detector, question.label, question.field)
        threshold = None if detector is None else detector.threshold
        if (rule is not None and rule.match in AUDITED) or not normalise(question.label):
            return _Reply(self._remember(question, ladder.decide(rule, None, trust=serving.trust), serving))
        if serving.engine is None:
            self._metrics.count("mapper_fallbacks_total", "no-release")
            answer = ladder.decide(rule, None, trust=serving.trust, threshold=threshold)
            return _Reply(self._remember(question, answer, serving))
        heard = await self._ask(serving.engine, question, deadline)
        return _Reply(self._weigh(question, rule, heard, serving, threshold), calls=1)

    def _weigh(
        self, question: Question, rule: RuleHit | None, heard: Heard | None, serving: Serving, threshold: float | None
    ) -> Answer:
        """The ladder's answer to what was heard; remembered if the whole model was, else an earlier one may do."""
        probabilities = fuse(heard.opinion, serving.trust.weights) if heard else None
        words = (question.label, question.description)
        answer = ladder.decide(rule, probabilities, trust=serving.trust, threshold=threshold, said=words)
        if heard is not None and heard.silence is None:
            if answer.route == "rules" or answer.guess is not None:
                self._metrics.count("mapper_fallbacks_total", "low-confidence")
            return self._remember(question, answer, serving)
        earlier = self._earlier.get(question)
        if answer.route == "unknown" and earlier is not None and set(earlier.labels) <= serving.catalog.taxonomy.names:
            return earlier.model_copy(update={"route": "cache"})
        return answer

    def _remember(self, question: Question, answer: Answer, serving: Serving) -> Answer:
        serving.seen[question] = answer
        self._earlier[question] = answer
        return answer

    async def _ask(self, engine: Engine, question: Question, deadline: float) -> Heard | None:
        """What the model says, or None when no voice of it was heard. A missing voice counts as one fallback."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        heard: Heard | None = None
        try:
            heard = await engine.score(question, deadline)
            missing = heard.silence
        except EngineError as error:
            missing = silence(error)
        self._metrics.count("mapper_model_calls_total", missing or "answered")
        self._metrics.observe("mapper_model_call_duration_seconds", loop.time() - started)
        if missing is not None:
            self._metrics.count("mapper_fallbacks_total", missing)
        return heard


def _may_be_long(output: str, payload: Payload | None) -> bool:
    """Whether a text is a native answer rather than a label: JSON, or in the detector's own grammar."""
    return output.lstrip()[:1] in ("{", "[") or (payload is not None and payload.text is not None)
