"""The stages of `make demo`, in order; each fails with a message and a non-zero exit code.

Catalogue to release, traffic through the service, reports, a summary, and then the demo checks itself: every
acknowledged event is in a report, and no invented value is anywhere on disk.
"""

import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from demo import checks, plan, progress, service, summary, traffic
from demo.evidence import Report, report_of, stored_events
from demo.failure import DemoFailed
from mapper_assets.settings import Settings
from mapper_domain.catalog import Catalog, load
from mapper_domain.errors import MapperError
from mapper_serving.identity import keys

SCOPES = {"acme": ("hipaa",), "globex": ()}


@dataclass(frozen=True, slots=True)
class Places:
    """Where a run keeps its own things.

    Attributes:
        artifacts: the artefact root.
        dagster: Dagster's storage, below the current folder as `dagster.yaml` says.
    """

    artifacts: Path
    dagster: Path

    @property
    def home(self) -> Path:
        """The demo's notes, logs and keys file."""
        return self.artifacts / "demo"


class Demo:
    """One run. Prints every line with the time since it began."""

    def __init__(self, console: Console, settings: Settings, places: Places, today: datetime) -> None:
        self._console = console
        self._settings = settings
        self._layout = settings.layout
        self._places = places
        self._note = places.home / "sent.jsonl"
        self._began = time.monotonic()
        known = {sent.day for sent in traffic.read_sent(self._note)}
        self._days = sorted({*plan.closed_days(today.date()), *known})
        self._environment: Mapping[str, str] = {
            "DAGSTER_HOME": os.environ.get("DAGSTER_HOME") or str(Path.cwd()),
            "MAPPER_ARTIFACTS": str(places.artifacts),
            "MAPPER_ROOT": str(settings.root.resolve()),
            "MAPPER_KEYS": str(places.home / "keys.yaml"),
        }

    def run(self) -> None:
        """All stages.

        Raises:
            DemoFailed: when a stage fails or a check does.
            MapperError: when the catalogue or a report cannot be used.
        """
        self._stage("Catalogue, training data, adapter, evaluation, release")
        catalog = load(self._settings.root)
        progress.run_jobs(["retrain_job"], self._environment, self._places.home / "dagster.log", self._say)
        self._stage("Detector output of two tenants over three days")
        days = self._plan(catalog)
        self._stage("The service maps it")
        sent = self._send(days)
        self._stage("Reports")
        reports = self._report()
        events = stored_events(self._layout, self._tenant_days)
        summary.show(self._console, events, sent, reports, Path.cwd())
        self._stage("Checks")
        self._check(days, sent, reports)
        self._say("look at it in the Dagster UI: make dev, then http://127.0.0.1:3000")
        self._say(f"done in {(time.monotonic() - self._began) / 60:.1f} minutes")

    @property
    def _tenant_days(self) -> list[tuple[str, str]]:
        return [(tenant, day) for tenant in plan.STREAMS_OF for day in self._days]

    def _plan(self, catalog: Catalog) -> list[plan.Day]:
        days = []
        for tenant, day in self._tenant_days:
            days.append(plan.plan(catalog, tenant, day))
            self._say(
                f"{tenant} {day}: {len(days[-1].requests)} requests, {len(days[-1].planted)} invented values in them"
            )
        return days

    def _send(self, days: Sequence[plan.Day]) -> tuple[traffic.Sent, ...]:
        requests = [request for day in days for request in day.requests]
        done = {sent.key for sent in traffic.read_sent(self._note)}
        if all(request.key in done for request in requests):
            self._say("everything was sent by an earlier run; nothing is sent twice")
            return traffic.read_sent(self._note)
        path = self._places.home / "keys.yaml"
        issued = _issue_keys(path)
        try:
            log = self._places.home / "service.log"
            with service.running(self._environment, log, self._say) as client:
                traffic.send(client, issued, requests, self._note, self._say)
            self._say("the service has stopped and shipped everything")
        finally:
            _revoke_keys(path, issued)
        return traffic.read_sent(self._note)

    def _report(self) -> list[Report]:
        partitions = [f"{day}|{tenant}" for tenant, day in self._tenant_days]
        log = self._places.home / "dagster.log"
        progress.run_jobs(["tenant_report_job", *partitions], self._environment, log, self._say)
        return [report_of(self._layout, tenant, day) for tenant, day in self._tenant_days]

    def _check(self, days: Sequence[plan.Day], sent: Sequence[traffic.Sent], reports: Sequence[Report]) -> None:
        planted = frozenset[str]().union(*(day.planted for day in days))
        stored = next(item.event_id for item in sent if item.event_id)
        self._say(checks.only_bad_requests_were_refused(sent))
        self._say(checks.every_event_is_in_a_report(sent, reports))
        self._say(checks.no_value_was_stored((self._places.artifacts, self._places.dagster), planted, stored))

    def _stage(self, title: str) -> None:
        self._console.rule(f"[bold]{title}", align="left")

    def _say(self, line: str) -> None:
        seconds = int(time.monotonic() - self._began)
        self._console.print(f"{seconds // 60:3}:{seconds % 60:02}  {line}", markup=False, highlight=False)


def main() -> int:
    """Run the demo; 1 with a message when a stage failed."""
    settings = Settings()
    places = Places(artifacts=settings.artifacts.resolve(), dagster=Path.cwd() / ".dagster")
    console = Console(width=None if os.isatty(1) else 150)
    try:
        Demo(console, settings, places, datetime.now(UTC)).run()
    except (DemoFailed, MapperError) as error:
        console.print(f"\nThe demo failed: {error}", style="bold red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("\nStopped. Running it again goes on where this run was.")
        return 130
    return 0


def _issue_keys(path: Path) -> dict[str, str]:
    """A key for each tenant, good for a day; it exists in this process only."""
    content = keys.read(path) if path.exists() else keys.KeyFile()
    issued = {}
    for tenant in plan.STREAMS_OF:
        new = keys.StoredTenant(
            expected_detectors=plan.expected_detectors(tenant), scopes=SCOPES[tenant], hmac_key=secrets.token_hex(32)
        )
        content, issued[tenant] = keys.issue(content, tenant, new, days=1)
    keys.write(path, content)
    return issued


def _revoke_keys(path: Path, issued: Mapping[str, str]) -> None:
    content = keys.read(path)
    for key in issued.values():
        content = keys.revoke(content, key.split("_")[1])
    keys.write(path, content)
