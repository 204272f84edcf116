"""Metrics: one table of everything this service measures. No tenant and no detector in any label."""

import os
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for every counter, which nobody reads

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable of the client library: the folder in which workers keep their metrics."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CONFIDENCE = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metric(NamedTuple):
    """One metric: its kind, help, labels and histogram bounds."""

    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


METRICS: Final[Mapping[str, Metric]] = {
    "mapper_requests_total": Metric("counter", "HTTP requests by path template and status.", ("route", "status")),
    "mapper_request_duration_seconds": Metric("histogram", "Time to answer, by path template.", ("route",), _LATENCY),
    "mapper_batch_items": Metric("histogram", "Items of a batch.", (), _ROWS),
    "mapper_answers_total": Metric(
        "counter", "Events answered, by who decided: model, rules, cache, unknown.", ("route",)
    ),
    "mapper_confidence_ratio": Metric("histogram", "Confidence of answers.", (), _CONFIDENCE),
    "mapper_unknown_total": Metric("counter", "Events answered OTHER.Unknown."),
    "mapper_disagreements_total": Metric("counter", "Events in which a reviewed mapping overruled the model."),
    "mapper_fallbacks_total": Metric(
        "counter", "Findings the whole model should have answered and did not, by reason.", ("reason",)
    ),
    "mapper_lookups_total": Metric(
        "counter",
        "Findings by how they were looked up: known, spelling, remembered, nothing; or shared or asked, of the model.",
        ("found",),
    ),
    "mapper_content_total": Metric(
        "counter",
        "Texts that looked like content, by place and by what was done: reduced or refused.",
        ("place", "done"),
    ),
    "mapper_model_calls_total": Metric("counter", "Questions put to the model, by outcome.", ("outcome",)),
    "mapper_model_calls_per_thousand_events": Metric(
        "gauge", "Questions put to the model for the last 10,000 events, per thousand of them."
    ),
    "mapper_model_call_duration_seconds": Metric("histogram", "Time of one question, with waiting.", (), _LATENCY),
    "mapper_proposed_labels_total": Metric(
        "counter", "Labels of proposed vocabularies: settled, review, or reviewed already.", ("outcome",)
    ),
    "mapper_rejections_total": Metric("counter", "Requests and batch items refused, by problem code.", ("code",)),
    "mapper_replays_total": Metric("counter", "Answers given again to a request with the same Idempotency-Key."),
    "mapper_outbox_pending_events": Metric("gauge", "Rows made durable and not shipped yet."),
    "mapper_outbox_commit_duration_seconds": Metric("histogram", "Time of one durable commit.", (), _LATENCY),
    "mapper_outbox_commit_rows": Metric("histogram", "Rows one commit made durable.", (), _ROWS),
    "mapper_outbox_failures_total": Metric("counter", "Commits that failed; nothing of them was acknowledged."),
    "mapper_outbox_lag_seconds": Metric("gauge", "Age of the oldest row that is not in a segment yet."),
    "mapper_clickhouse_lag_seconds": Metric("gauge", "Age of the oldest segment that is not in ClickHouse yet."),
    "mapper_clickhouse_pending_segments": Metric("gauge", "Segments that are not in ClickHouse yet."),
    "mapper_shipped_events_total": Metric("counter", "Events shipped, by sink: segments, clickhouse.", ("sink",)),
    "mapper_shipped_rejections_total": Metric("counter", "Rejections written to segments."),
    "mapper_shipping_failures_total": Metric(
        "counter", "Shipping rounds that failed and will be tried again, by sink.", ("sink",)
    ),
    "mapper_release_info": Metric("gauge", "1 for the release that serves.", ("release", "taxonomy", "frameworks")),
    "mapper_release_role_info": Metric(
        "gauge", "1 for each release in service and its role: stable, canary or shadow.", ("role", "release")
    ),
    "mapper_release_swaps_total": Metric("counter", "Releases taken into service."),
    "mapper_release_refused_total": Metric("counter", "Releases refused, by reason.", ("reason",)),
    "mapper_release_load_duration_seconds": Metric(
        "histogram", "Time to verify, load and warm a release.", (), _LATENCY
    ),
    "mapper_secret_failures_total": Metric(
        "counter", "Secrets that could not be read when it was time to; the last good value stood.", ("source",)
    ),
    "mapper_release_drain_duration_seconds": Metric(
        "histogram", "Time from the end of a release's service to the end of its engine.", (), _LATENCY
    ),
    "mapper_release_answers_total": Metric(
        "counter",
        "Outputs a release was given, by what became of them: answered, error, invalid.",
        ("release", "outcome"),
    ),
    "mapper_release_fallbacks_total": Metric(
        "counter", "As mapper_fallbacks_total, by release too.", ("release", "reason")
    ),
    "mapper_canary_stops_total": Metric(
        "counter", "Canaries taken out by themselves, by the bound they passed: error, fallback, invalid.", ("bound",)
    ),
    "mapper_shadow_comparisons_total": Metric(
        "counter",
        "Outputs given to a shadow after the reply, by outcome: agreed, disagreed, error, shed.",
        ("release", "outcome"),
    ),
    "mapper_jwks_fetches_total": Metric("counter", "Fetches of the token issuer's keys, by outcome.", ("outcome",)),
    "mapper_keys_reload_failures": Metric("gauge", "Times the keys file changed and could not be read."),
}
"""Every metric of the service by full name; the documentation test compares against it."""


class Window:
    """A count per event, over the last events only, so that one sees it change.

    Used from one thread; read from any.
    """

    def __init__(self, size: int) -> None:
        self._last: deque[int] = deque(maxlen=size)
        self._total = 0

    def add(self, count: int) -> None:
        """Note the count of one more event; the oldest one goes when the window is full."""
        if len(self._last) == self._last.maxlen:
            self._total -= self._last[0]
        self._last.append(count)
        self._total += count

    def per_thousand(self) -> float:
        """The mean count of an event, times 1,000; 0 before the first event."""
        return 1000 * self._total / len(self._last) if self._last else 0.0


class Metrics:
    """The metrics of one service, in a registry of their own, so that two services in one process do not mix."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._followed: dict[str, Callable[[], float]] = {}
        self._shown: dict[str, set[tuple[str, ...]]] = {}
        self._counters: dict[str, Counter] = {}
        self._series: dict[tuple[str, tuple[str, ...]], Counter] = {}
        self._observed: dict[tuple[str, tuple[str, ...]], Histogram] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for name, metric in METRICS.items():
            self._add(name, metric)
        ProcessCollector(registry=self._registry)

    def count(self, name: str, *labels: str, amount: float = 1) -> None:
        """Add to a counter."""
        counter = self._series.get((name, labels))
        if counter is None:
            counter = self._counters[name].labels(*labels) if labels else self._counters[name]
            self._series[name, labels] = counter
        counter.inc(amount)

    def observe(self, name: str, value: float, *labels: str) -> None:
        """Add a value to a histogram."""
        histogram = self._observed.get((name, labels))
        if histogram is None:
            histogram = self._histograms[name].labels(*labels) if labels else self._histograms[name]
            self._observed[name, labels] = histogram
        histogram.observe(value)

    def follow(self, name: str, value: Callable[[], float]) -> None:
        """Let a gauge ask for its value whenever it is read."""
        self._followed[name] = value

    def show(self, name: str, *series: tuple[str, ...]) -> None:
        """Set a gauge to 1 for exactly these labels; those shown before are no longer."""
        gauge, now = self._gauges[name], set(series)
        for labels in self._shown.get(name, set()) - now:
            gauge.labels(*labels).set(0)  # where workers share files, a series stays
            if not _shared():
                gauge.remove(*labels)
        for labels in now:
            gauge.labels(*labels).set(1)
        self._shown[name] = now

    def render(self) -> bytes:
        """All metrics in the Prometheus text format, of all workers where there are several."""
        for name, value in self._followed.items():
            self._gauges[name].set(value())
        if not _shared():
            return generate_latest(self._registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
        return generate_latest(everybody)

    def _add(self, name: str, metric: Metric) -> None:
        if metric.kind == "counter":
            self._counters[name] = Counter(name, metric.help, metric.labels, registry=self._registry)
        elif metric.kind == "gauge":
            self._gauges[name] = Gauge(
                name, metric.help, metric.labels, registry=self._registry, multiprocess_mode="livemostrecent"
            )
        else:
            self._histograms[name] = Histogram(
                name, metric.help, metric.labels, buckets=metric.buckets, registry=self._registry
            )


def _shared() -> bool:
    """Whether this is one of several workers, which keep their metrics in files."""
    return SHARED_FOLDER in os.environ
