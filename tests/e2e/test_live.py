"""The asset side as somebody runs it: `dg dev` with automation on, a browser, and an editor.

One server for the whole file, because the first release takes most of the time; the tests build on one another.
The budget is tiny, so the adapter has learnt next to nothing; reviewed mappings carry the release through the gates.
"""

import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import open_page, visit
from dagster_server import DagsterServer, wait_for
from playwright.sync_api import expect
from segments import DAY, TENANT, write_sound_day

from mapper_assets.training import dataset
from mapper_assets.training.golden import read
from mapper_assets.training.splits import plan
from mapper_domain.catalog import load
from mapper_domain.layout import Layout
from mapper_domain.lexicon import load as load_lexicon
from mapper_domain.release import POINTER, read_pointer, verify

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

REPOSITORY = Path(__file__).parents[2]
CHAIN = (
    "training/dataset",
    "training/retriever",
    "training/lora_adapter",
    "evaluation/golden_set_evaluation",
    "deployment/deployed_model_version",
)
EVERYTHING = (
    "config/taxonomy",
    "config/detectors",
    "config/lexicon",
    "config/frameworks",
    "config/golden_set",
    "training/base_model",
    *CHAIN,
)
PARTITIONED = ("serving/event_manifest", "reports/framework_coverage", "reports/compliance_report")
DETECTOR = "detectors/detoxify-unbiased.yaml"
MAPPING = "maps:\n  caste_attack: HARM.SPEECH.Hate.Other\n"
A_RELEASE = 1200
"""Most seconds from an edit to a release: a tiny training and an evaluation on two busy cores."""


class Installation:
    """A copy of the reviewed files, its artefacts, and a server over both."""

    def __init__(self, root: Path, server: DagsterServer) -> None:
        self.root = root / "sources"
        self.layout = Layout(root / "artifacts")
        self.server = server

    def release(self) -> str | None:
        """The release that serves."""
        pointer = read_pointer(self.layout.releases)
        return pointer.release if pointer else None

    def latest(self, key: str) -> str | None:
        """SHA-256 the latest materialisation of an asset recorded."""
        made = self.server.materialisations(key)
        return str(made[0]["sha256"]) if made else None

    def wait(self, what: str, look, *, seconds: float = A_RELEASE):
        return wait_for(what, look, seconds=seconds, log=self.server.log)


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, base_model: Path) -> Iterator[Installation]:
    """A fresh installation with automation on, and one closed day of events."""
    root = tmp_path_factory.mktemp("live")
    for folder in ("taxonomy", "detectors", "frameworks", "tests/golden"):
        shutil.copytree(REPOSITORY / folder, root / "sources" / folder)
    layout = Layout(root / "artifacts")
    shutil.copytree(base_model, layout.base_model(base_model.name), copy_function=os.link)
    write_sound_day(layout, load(REPOSITORY))
    environment = {
        "MAPPER_ROOT": str(root / "sources"),
        "MAPPER_ARTIFACTS": str(layout.root),
        "MAPPER_PROFILE": "tiny",
        "MAPPER_AUTOMATION": "on",
        "MAPPER_POLL_SECONDS": "5",
    }
    with DagsterServer(root / "dagster", environment) as server:
        yield Installation(root, server)


@pytest.fixture(scope="module")
def released(live: Installation) -> Installation:
    """The same after its first release, which nobody clicked for."""
    live.wait("The first release", live.release)
    live.wait("The first deployment's record", lambda: live.latest(CHAIN[-1]))
    return live


def rows(root: Path) -> tuple[dataset.Example, ...]:
    catalog = load(root)
    lexicon = load_lexicon(root, catalog.taxonomy, catalog.detectors)
    return dataset.build(catalog, lexicon, plan(catalog), read(root / "tests" / "golden"), profile="tiny")


def test_a_fresh_installation_comes_to_a_verified_release_by_itself(released):
    manifest = verify(released.layout.releases / released.release())
    assert manifest.adapter_sha256 == released.latest("training/lora_adapter")
    assert all(manifest.gates.values())


def test_every_check_of_the_chain_is_green(released):
    for key in EVERYTHING:
        statuses = released.server.checks(key)
        assert statuses, key
        assert set(statuses.values()) == {"SUCCEEDED"}, (key, statuses)


def test_the_closed_day_is_reported_without_a_click(released):
    made = released.wait(
        "The report", lambda: released.server.materialisations("reports/compliance_report") or None, seconds=300
    )
    assert made[0]["status"] == "FINAL"


def test_the_browser_shows_the_whole_lineage_with_its_checks(released, tmp_path):
    upstream = "view=lineage&lineageScope=upstream&lineageDepth=20"
    # Large enough that the UI writes the state of every asset into its box.
    with open_page(width=4200, height=2200) as page:
        visit(page, f"{released.server.url}/assets/reports/compliance_report?{upstream}")
        for key in (*EVERYTHING, "serving/canonical_events", *PARTITIONED[:-1]):
            page.get_by_text(key.split("/")[1], exact=True).first.wait_for()
        # The UI fills in its boxes one after another, the checks of a report when its run has finished.
        all_passed = page.get_by_text(re.compile(r"^(\d+) / \1 Passed$"))
        expect(all_passed).to_have_count(len(EVERYTHING) + len(PARTITIONED), timeout=300_000)
        page.screenshot(path=tmp_path / "lineage.png")


def test_a_report_is_materialised_from_the_browser(released, tmp_path):
    before = len(released.server.materialisations("reports/compliance_report"))
    with open_page() as page:
        visit(page, f"{released.server.url}/assets/reports/compliance_report")
        page.get_by_role("button", name="Materialize").first.click()
        page.get_by_text("Launch runs to materialize").wait_for()
        page.get_by_placeholder("ex: ", exact=False).fill(DAY)
        page.get_by_text("Select a partition").click()
        page.get_by_placeholder("Filter partitions").fill(TENANT)
        page.get_by_text(TENANT, exact=True).locator("visible=true").last.click()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Launch 1 run").click()
        page.wait_for_timeout(2000)
        page.screenshot(path=tmp_path / "launched.png")

    def ran() -> list[dict[str, object]] | None:
        made = released.server.materialisations("reports/compliance_report")
        return made if len(made) > before else None

    made = released.wait("The run started in the browser", ran, seconds=300)
    assert made[0]["run"] != made[1]["run"]
    released.wait(
        "The checks of that run",
        lambda: set(released.server.checks("reports/compliance_report").values()) == {"SUCCEEDED"} or None,
        seconds=120,
    )


def test_a_new_mapping_leads_to_a_new_dataset_adapter_evaluation_and_release_with_no_click(released):
    before = {key: released.latest(key) for key in CHAIN}
    old_rows = rows(released.root)
    detector = released.root / DETECTOR
    detector.write_text(detector.read_text().replace("maps:\n", MAPPING, 1))
    assert rows(released.root) != old_rows, "choose a mapping that gives a training row"

    def followed() -> bool | None:
        return all(released.latest(key) != before[key] for key in CHAIN) or None

    released.wait("A release of the new mapping", followed)
    folder = released.layout.releases / released.release()
    assert verify(folder).adapter_sha256 == released.latest("training/lora_adapter")
    assert load(folder / "catalog").detector("detoxify-unbiased").find("caste_attack")
    assert "caste_attack" in (folder / "answers.jsonl").read_text()


def test_a_comment_is_read_and_trains_nothing(released):
    before = {key: len(released.server.materialisations(key)) for key in CHAIN}
    read_before = len(released.server.materialisations("config/detectors"))
    pointer = (released.layout.releases / POINTER).read_bytes()
    detector = released.root / DETECTOR
    detector.write_text(detector.read_text() + "# reviewed by two people\n")

    released.wait(
        "The comment",
        lambda: len(released.server.materialisations("config/detectors")) > read_before or None,
        seconds=300,
    )
    made = released.server.materialisations("config/detectors")
    assert made[0]["sha256"] == made[1]["sha256"]
    assert made[0]["files_sha256"] != made[1]["files_sha256"]
    looked = released.server.sensor_ticks("automation")
    released.wait(
        "Two more looks of automation",
        lambda: released.server.sensor_ticks("automation") >= looked + 2 or None,
        seconds=300,
    )
    time.sleep(5)
    assert {key: len(released.server.materialisations(key)) for key in CHAIN} == before
    assert (released.layout.releases / POINTER).read_bytes() == pointer
