"""The use case: one detector output becomes canonical events. No HTTP and no disk here.

Every label takes the ladder of `mapper_domain.ladder`: known answer, both voices of the model, the retriever alone,
rules, earlier answer, unknown. All but the first is `asking`'s business.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from mapper_domain import ladder
from mapper_domain.detectors import Detector
from mapper_domain.errors import DetectorFailed, PayloadError
from mapper_domain.payloads import Finding, Payload, findings
from mapper_domain.question import Question
from mapper_domain.rules import AUDITED
from mapper_domain.taxonomy import UNKNOWN
from mapper_domain.text import nearest, normalise
from mapper_domain.verdicts import MAX_LABEL
from mapper_serving import recording
from mapper_serving.asking import Asker, Miss, Reply
from mapper_serving.bodies import MapRequest
from mapper_serving.cache import Key, spelling
from mapper_serving.guard import Guard
from mapper_serving.identity.principal import Tenant
from mapper_serving.outbox.rows import Event
from mapper_serving.problems import Code, Refusal
from mapper_serving.settings import Settings
from mapper_serving.state import Serving
from mapper_serving.telemetry import Metrics, Window

WINDOW_EVENTS = 10_000


class Draft(NamedTuple):
    """One output, read and looked up; what is left is to ask about the labels nobody knows.

    Attributes:
        found: None when the detector says that it failed.
        replies: to each finding in order, or what has to be asked about it.
    """

    context: recording.Context
    found: Sequence[Finding] | None
    replies: Sequence[Reply | Miss]

    @property
    def misses(self) -> list[Miss]:
        """What has to be asked."""
        return [reply for reply in self.replies if isinstance(reply, Miss)]


class Mapper:
    """Maps requests.

    Attributes:
        calls: questions put to the model for each of the last events.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.calls = Window(WINDOW_EVENTS)
        self._settings = settings
        self._metrics = metrics
        self._asker = Asker(metrics)
        self._guard = Guard(settings, metrics)

    async def map(
        self, request: MapRequest, tenant: Tenant, serving: Serving, *, deadline: float, now: datetime
    ) -> tuple[Event, ...]:
        """The events for one output, ready to be made durable together: one, or one for each finding.

        Args:
            request: what was sent, checked; says which.
            tenant: who sent it.
            serving: the state that answers all of it.
            deadline: time of the running loop after which the adapter is not waited for.
            now: when it was received.

        Raises:
            Refusal: as `draft` and `complete` do.
        """
        return await self.complete(self.draft(request, tenant, serving, now=now), deadline)

    def draft(self, request: MapRequest, tenant: Tenant, serving: Serving, *, now: datetime) -> Draft:
        """The output read and its labels looked up; takes microseconds, and waits for nobody.

        Raises:
            Refusal: `unknown-detector`, `unreadable-output`, `output-too-long` or `content-refused`.
        """
        detector = self._detector(request.detector, serving)
        request = self._guard.request(request)
        found = self._findings(request, detector)
        occurred_at = (request.occurred_at or now).astimezone(UTC)
        context = recording.Context(request, detector, tenant, serving, occurred_at)
        return Draft(context, found, [self._look_up(context, finding) for finding in found or ()])

    async def complete(self, draft: Draft, deadline: float) -> tuple[Event, ...]:
        """The events of a draft, its misses asked.

        Raises:
            Refusal: `engine-busy`.
        """
        context, found = draft.context, draft.found
        if not found:
            return (self._event(context, Reply(ladder.failed() if found is None else ladder.safe()), ()),)
        misses = draft.misses
        asked = iter(await self._asker.replies(misses, context.serving, deadline) if misses else ())
        replies = [next(asked) if isinstance(reply, Miss) else reply for reply in draft.replies]
        if context.request.events == "per_finding":
            return tuple(
                self._event(context, reply, (finding.label,)) for finding, reply in zip(found, replies, strict=True)
            )
        whole = Reply(ladder.combine([reply.answer for reply in replies]), sum(reply.calls for reply in replies))
        return (self._event(context, whole, tuple(dict.fromkeys(finding.label for finding in found))),)

    def _event(self, context: recording.Context, reply: Reply, labels: recording.Labels) -> Event:
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

    def _look_up(self, context: recording.Context, finding: Finding) -> Reply | Miss:
        request, detector, serving = context.request, context.detector, context.serving
        field = finding.field or request.metadata.field
        if (known := serving.cache.known(request.detector, field, finding.label)) is not None:
            self._metrics.count("mapper_lookups_total", "known")
            return Reply(known)
        finding = self._guard.finding(finding)
        field = finding.field or request.metadata.field
        version = request.detector_version or (detector.version if detector else "")
        description = finding.description or request.metadata.description
        key = Key(request.detector, version, field, spelling(finding.label), description)
        if (cached := serving.cache.find(key, finding.label)) is not None:
            answer, source = cached
            self._metrics.count("mapper_lookups_total", source)
            return Reply(answer)
        rule = serving.rules.find(request.detector, finding.label, field)
        if self._guard.is_content(finding.label, request.detector, serving):
            self._metrics.count("mapper_lookups_total", "nothing")
            return Reply(ladder.decide(rule, None, trust=serving.trust))
        if (rule is not None and rule.match in AUDITED) or not normalise(finding.label):
            self._metrics.count("mapper_lookups_total", "spelling" if rule else "nothing")
            return Reply(self._asker.remember(key, ladder.decide(rule, None, trust=serving.trust), serving))
        kind = detector.kind if detector else ""
        question = Question(
            detector=request.detector, label=finding.label, kind=kind, field=field, description=description
        )
        return Miss(key, question, rule, None if detector is None else detector.threshold)


def _may_be_long(output: str, payload: Payload | None) -> bool:
    """Whether a text is a native answer rather than a label: JSON, or in the detector's own grammar."""
    return output.lstrip()[:1] in ("{", "[") or (payload is not None and payload.text is not None)
