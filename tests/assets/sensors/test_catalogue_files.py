"""An edit of a reviewed file materialises its asset once, in both directions, and nothing else does."""

import dagster as dg
import pytest

from mapper_assets.assets.config import FILES_SHA256, key_of
from mapper_assets.catalogue import Group
from mapper_assets.provenance import SHA256, recorded
from mapper_assets.resources import Sources
from mapper_assets.sensors.catalogue_files import catalogue_files

SENSOR = {"dagster/sensor_name": "catalogue_files"}
DETECTORS, LEXICON = key_of(Group.DETECTORS), key_of(Group.LEXICON)


@pytest.fixture
def tick(instance, root):
    """One evaluation of the sensor: its request, or None."""

    def evaluate() -> dg.RunRequest | None:
        resources = {"sources": Sources(root=str(root))}
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            result = catalogue_files(running=False, poll_seconds=10)(context)
        return result.run_requests[0] if isinstance(result, dg.SensorResult) else None

    return evaluate


@pytest.fixture
def follow(tick, run_config):
    """Evaluate the sensor and do what it asks for; returns the names of the groups that ran."""

    def run() -> list[str]:
        request = tick()
        if request is None:
            return []
        run_config(request.asset_selection, {**request.tags, **SENSOR})
        return sorted(key.path[-1] for key in request.asset_selection)

    return run


@pytest.fixture
def detector(root):
    return root / "detectors" / "deberta-toxicity.yaml"


def append(path, text):
    path.write_text(path.read_text() + text)


def test_a_fresh_installation_reads_every_group_once_in_one_run(follow):
    assert follow() == ["detectors", "frameworks", "golden_set", "lexicon", "taxonomy"]
    assert follow() == []


def test_a_request_has_no_run_key_because_one_would_lose_the_way_back(tick):
    assert tick().run_key is None


def test_only_the_edited_group_is_read_again(follow, detector):
    follow()
    append(detector, "  very_rude: HARM.SPEECH.Toxicity\n")
    assert follow() == ["detectors"]
    assert follow() == []


def test_an_edit_of_the_lexicon_is_the_lexicon_s_alone(follow, root, instance):
    follow()
    file = root / "taxonomy" / "lexicon" / "contact.yaml"
    before = recorded(instance, LEXICON)
    append(file, "# reviewed by two people\n")
    assert follow() == ["lexicon"]
    assert recorded(instance, LEXICON)[SHA256] == before[SHA256]
    append(file, "      - letterbox online\n")
    assert follow() == ["lexicon"]
    assert recorded(instance, LEXICON)[SHA256] != before[SHA256]


def test_a_lexicon_that_contradicts_itself_fails_its_check(follow, root, instance):
    follow()
    append(
        root / "taxonomy" / "lexicon" / "contact.yaml", "  - {label: PII.Contact.Phone, forms: [postbox on the net]}\n"
    )
    assert follow() == ["lexicon"]
    assert instance.get_runs(limit=1)[0].is_failure


def test_an_edit_and_its_revert_are_both_followed(follow, detector, instance):
    follow()
    text, before = detector.read_text(), recorded(instance, DETECTORS)[SHA256]
    append(detector, "  very_rude: HARM.SPEECH.Toxicity\n")
    assert follow() == ["detectors"]
    assert recorded(instance, DETECTORS)[SHA256] != before
    detector.write_text(text)
    assert follow() == ["detectors"]
    assert recorded(instance, DETECTORS)[SHA256] == before


def test_a_comment_is_read_but_is_not_another_data_version(follow, detector, instance):
    follow()
    before = recorded(instance, DETECTORS)
    append(detector, "# reviewed by two people\n")
    assert follow() == ["detectors"]
    after = recorded(instance, DETECTORS)
    assert after[FILES_SHA256] != before[FILES_SHA256]
    assert after[SHA256] == before[SHA256]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("  rude: HARM.SPEECH.Toxicty\n", id="unknown label"),
        pytest.param("  toxic: HARM.SPEECH.Toxicity\n", id="duplicate key"),
        pytest.param(" : : [\n", id="not YAML"),
    ],
)
def test_a_broken_file_fails_its_check_once_and_is_not_tried_in_a_loop(follow, detector, instance, text):
    follow()
    good = detector.read_text()
    append(detector, text)
    assert follow() == ["detectors"]
    assert instance.get_runs(limit=1)[0].is_failure
    assert follow() == []
    detector.write_text(good)
    assert follow() == ["detectors"]
    assert instance.get_runs(limit=1)[0].is_success


def test_a_run_that_died_before_it_recorded_anything_is_not_asked_for_again(tick, earlier_run):
    request = tick()
    earlier_run(dg.DagsterRunStatus.FAILURE, {**request.tags, **SENSOR})
    assert tick() is None


def test_a_run_under_way_is_waited_for(tick, earlier_run):
    request = tick()
    earlier_run(dg.DagsterRunStatus.STARTED, {**request.tags, **SENSOR})
    assert tick() is None


def test_after_a_failed_run_the_next_edit_is_tried(tick, earlier_run, detector):
    request = tick()
    earlier_run(dg.DagsterRunStatus.FAILURE, {**request.tags, **SENSOR})
    append(detector, "# mended\n")
    assert tick() is not None
