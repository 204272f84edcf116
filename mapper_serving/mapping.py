"""The use case: one detector output becomes one canonical event. No HTTP and no disk here.

Every label takes the ladder of `mapper_domain.ladder`: known answer, model, model with a shorter
question, rules, earlier answer, unknown.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
from cachetools import LRUCache

from mapper_domain import ladder, prompt
from mapper_domain.confidence import temper
from mapper_domain.detectors import Detector
from mapper_domain.errors import DetectorFailed, EngineError, EngineOverloaded, EngineTimeout, PayloadError
from mapper_domain.ladder import Answer
from mapper_domain.payloads import Finding, Payload, findings
from mapper_domain.rules import AUDITED
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import nearest, normalise
from mapper_domain.verdicts import MAX_LABEL
from mapper_serving import outbox
from mapper_serving.bodies import MapRequest
from mapper_serving.engines.base import Engine
from mapper_serving.ids import uuid7
from mapper_serving.keys import Tenant
from mapper_serving.problems import Code, Refusal
from mapper_serving.settings import Settings
from mapper_serving.state import Question, Serving
from mapper_serving.telemetry import Metrics

EARLIER_ANSWERS = 20_000
Labels = tuple[str, ...]


class Mapper:
    """Maps requests; remembers what earlier releases answered, for when the model does not."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._earlier: LRUCache[Question, Answer] = LRUCache(EARLIER_ANSWERS)

    async def map(
        self, request: MapRequest, tenant: Tenant, serving: Serving, *, deadline: float, now: datetime
    ) -> outbox.Event:
        """The event for one output, ready to be made durable.

        Args:
            request: what was sent, checked.
            tenant: who sent it.
            serving: the state that answers all of it.
            deadline: time of the running loop after which the model is not waited for.
            now: when it was received.

        Raises:
            Refusal: `unknown-detector`, `unreadable-output` or `output-too-long`.
        """
        detector = self._detector(request.detector, serving)
        found = self._findings(request, detector)
        labels: Labels = ()
        if found is None:
            answer = ladder.failed()
        else:
            answers = [await self._answer(request, detector, finding, serving, deadline) for finding in found]
            answer = ladder.combine(answers)
            labels = tuple(dict.fromkeys(finding.label for finding in found))
        self._count(answer)
        return _event(request, detector, tenant, serving, answer, labels, (request.occurred_at or now).astimezone(UTC))

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
    ) -> Answer:
        field = finding.field or request.metadata.field
        question = Question(request.detector, field, finding.label)
        if (known := serving.known.get(question)) is not None:
            self._metrics.count("mapper_known_labels_total")
            return known
        question = question._replace(description=finding.description or request.metadata.description)
        if (seen := serving.seen.get(question)) is not None:
            return seen
        answer, lasting = await self._decide(question, detector, serving, deadline)
        if lasting:
            serving.seen[question] = answer
            self._earlier[question] = answer
        return answer

    async def _decide(
        self, question: Question, detector: Detector | None, serving: Serving, deadline: float
    ) -> tuple[Answer, bool]:
        """The ladder's answer, and whether it would be the same again."""
        rule = serving.rules.find(question.detector, question.label, question.field)
        threshold = serving.threshold if detector is None or detector.threshold is None else detector.threshold
        if (rule is not None and rule.match in AUDITED) or not normalise(question.label):
            return ladder.decide(rule, None, trust=serving.trust, threshold=threshold), True
        if serving.engine is None:
            self._metrics.count("mapper_fallbacks_total", "no-release")
            return ladder.decide(rule, None, trust=serving.trust, threshold=threshold), True
        logprobs = await self._ask(serving.engine, question, detector, deadline)
        if logprobs is not None:
            probabilities = temper(logprobs, serving.trust.temperature)
            answer = ladder.decide(rule, probabilities, trust=serving.trust, threshold=threshold)
            if answer.route == "rules" or answer.guess is not None:
                self._metrics.count("mapper_fallbacks_total", "low-confidence")
            return answer, True
        answer = ladder.decide(rule, None, trust=serving.trust, threshold=threshold)
        earlier = self._earlier.get(question)
        if answer.route == "unknown" and earlier is not None and set(earlier.labels) <= serving.catalog.taxonomy.names:
            answer = earlier.model_copy(update={"route": "cache"})
        return answer, False

    async def _ask(
        self, engine: Engine, question: Question, detector: Detector | None, deadline: float
    ) -> dict[str, float] | None:
        """The model's log-probabilities, or None, counted as one fallback, when it gives none twice."""
        full = prompt.instruction(
            question.detector,
            question.label,
            kind=detector.kind if detector else "",
            field=question.field,
            description=question.description,
        )
        compact = prompt.instruction(question.detector, question.label, field=question.field)
        reason = "error"
        for text in (full, compact):
            loop = asyncio.get_running_loop()
            started = loop.time()
            if started >= deadline:
                reason = "timeout"
                break
            try:
                logprobs = await engine.score(text, deadline)
            except EngineError as error:
                reason = _reason(error)
                self._metrics.count("mapper_model_calls_total", reason)
                if reason != "error":
                    break
            else:
                self._metrics.count("mapper_model_calls_total", "answered")
                return dict(logprobs)
            finally:
                self._metrics.observe("mapper_model_call_duration_seconds", loop.time() - started)
        self._metrics.count("mapper_fallbacks_total", reason)
        return None

    def _count(self, answer: Answer) -> None:
        self._metrics.count("mapper_answers_total", answer.route)
        self._metrics.observe("mapper_confidence_ratio", answer.confidence)
        if answer.labels == (UNKNOWN,):
            self._metrics.count("mapper_unknown_total")
        if answer.route == "rules" and answer.agreement is False:
            self._metrics.count("mapper_disagreements_total")


def _event(
    request: MapRequest,
    detector: Detector | None,
    tenant: Tenant,
    serving: Serving,
    answer: Answer,
    labels: Labels,
    occurred_at: datetime,
) -> outbox.Event:
    """The row of a `CanonicalEvent` and of what an `EventRecord` adds; shipping parses both in full."""
    event = {
        "taxonomy": answer.labels,
        "scores": answer.scores,
        "confidence": answer.confidence,
        "notes": answer.note,
        "provenance": {
            "vendor": detector.vendor if detector else "",
            "detector": request.detector,
            "detector_version": request.detector_version or (detector.version if detector else ""),
            "raw_ref": request.metadata.raw_ref,
            "route": answer.route,
            "model": serving.versions.release,
            "tenant_id": tenant.id,
            "ts": occurred_at,
        },
        "policy_context": {
            "expected_detectors": tenant.expected_detectors,
            "environment": request.metadata.environment or tenant.environment,
        },
    }
    may_store = serving.may_store(request.detector, labels)
    record = {
        "occurred_at": occurred_at,
        "source_label": " | ".join(labels) if labels and may_store else None,
        "source_label_hmac": None if may_store else tenant.hash(" | ".join(labels)),
        "versions": serving.versions_json,
        "controls": serving.controls(answer.labels, tenant.conditions),
    }
    return outbox.Event(
        tenant_id=tenant.id,
        day=occurred_at.date().isoformat(),
        event_id=uuid7(),
        record=orjson.dumps(record, option=orjson.OPT_UTC_Z).decode(),
        event=orjson.dumps(event, option=orjson.OPT_UTC_Z).decode(),
    )


def _may_be_long(output: str, payload: Payload | None) -> bool:
    """Whether a text is a native answer rather than a label: JSON, or in the detector's own grammar."""
    return output.lstrip()[:1] in ("{", "[") or (payload is not None and payload.text is not None)


def _reason(error: EngineError) -> str:
    if isinstance(error, EngineTimeout):
        return "timeout"
    return "overloaded" if isinstance(error, EngineOverloaded) else "error"
