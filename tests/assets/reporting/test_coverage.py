import pytest
from segments import DAY, TENANT, Recorder, Said, write_events, write_sound_day

from mapper_assets.reporting.controls import ControlCoverage, FrameworkCoverage
from mapper_assets.reporting.coverage import Coverage, Silence, build_coverage, silences
from mapper_domain.catalog import Catalog
from mapper_domain.layout import Layout


@pytest.fixture(scope="module")
def sound(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Coverage:
    """Coverage of the sound day over the whole catalogue."""
    layout = Layout(tmp_path_factory.mktemp("coverage"))
    write_sound_day(layout, catalog)
    return build_coverage(layout, catalog, TENANT, DAY)


def edition(coverage: Coverage, key: str) -> FrameworkCoverage:
    return next(framework for framework in coverage.frameworks if framework.key == key)


def control(coverage: Coverage, key: str) -> ControlCoverage:
    return next(c for framework in coverage.frameworks for c in framework.controls if c.key == key)


@pytest.mark.parametrize(("key", "controls"), [("SOC2", 61), ("ISO27001", 93), ("HIPAA", 78)])
def test_every_control_of_a_current_edition_is_listed_mapped_or_not(sound: Coverage, key: str, controls: int) -> None:
    assert len(edition(sound, key).controls) == controls


def test_names_stand_beside_their_ids_as_in_the_catalogue(sound: Coverage, catalog: Catalog) -> None:
    found = {c.key: c.summary for framework in sound.frameworks for c in framework.controls}
    assert found == {key: catalog.frameworks.controls[key].summary for key in found}


def test_a_superseded_edition_is_listed_only_when_an_event_names_it(
    sound: Coverage, catalog: Catalog, layout: Layout
) -> None:
    assert {framework.edition for framework in sound.frameworks if framework.key == "ISO27001"} == {"2022"}
    record = Recorder(catalog).record(Said("presidio", "US_SSN", 60))
    write_events(layout, [record.model_copy(update={"controls": ("ISO27001@2013:A.12.4.1",)})])
    coverage = build_coverage(layout, catalog, TENANT, DAY)
    assert control(coverage, "ISO27001@2013:A.12.4.1").events == 1


@pytest.mark.parametrize(
    ("key", "state", "reason"),
    [
        ("SOC2@2017:CC7.2", "events", "Events were recorded."),
        ("SOC2@2017:CC2.1", "this_report", "The evidence is this report"),
        ("SOC2@2017:CC6.6", "no_mapped_detector", "none of the tenant's reports"),
        ("SOC2@2017:CC1.1", "no_mapped_detector", "no label is evidence for it"),
        ("HIPAA@45CFR164:164.310(a)(1)", "not_supported", "Not supported by this evidence"),
    ],
)
def test_a_control_says_what_it_shows_and_why(sound: Coverage, key: str, state: str, reason: str) -> None:
    found = control(sound, key)
    assert found.state == state
    assert reason in found.reason


def test_a_control_within_sight_of_a_promised_detector_is_quiet(catalog: Catalog, layout: Layout) -> None:
    recorder = Recorder(catalog, expected=("lakera-guard",))
    write_events(layout, [recorder.record(Said("lakera-guard", None, 60))])
    found = control(build_coverage(layout, catalog, TENANT, DAY), "SOC2@2017:CC6.6")
    assert (found.state, found.events) == ("quiet", 0)
    assert "lakera-guard" in found.reason


def test_a_condition_that_does_not_hold_is_said_and_not_called_quiet(catalog: Catalog, layout: Layout) -> None:
    recorder = Recorder(catalog, scopes=frozenset())
    write_events(layout, [recorder.record(Said("presidio", "US_SSN", 60))])
    found = control(build_coverage(layout, catalog, TENANT, DAY), "HIPAA@45CFR164:164.514(b)")
    assert found.state == "not_in_scope"
    assert "tenant.scope.hipaa" in found.reason


def test_an_event_counts_once_for_a_control_and_once_for_each_label_that_led_there(sound: Coverage) -> None:
    found = control(sound, "SOC2@2017:CC6.1")
    assert found.events == 5
    assert {row.label: row.events for row in found.labels} == {
        "SECRETS.CloudCredential": 3,
        "PII.Contact.Email": 1,
        "PII.Identifier.SSN": 1,
    }


def test_potential_exceptions_are_events_the_mapping_names_so(sound: Coverage) -> None:
    assert control(sound, "SOC2@2017:CC6.1").exceptions == 5
    assert control(sound, "SOC2@2017:CC7.2").exceptions == 0


def test_a_control_the_catalogue_does_not_list_is_still_counted(catalog: Catalog, layout: Layout) -> None:
    record = Recorder(catalog).record(Said("presidio", "US_SSN", 60))
    write_events(layout, [record.model_copy(update={"controls": ("SOC2@1999:X.1",)})])
    assert build_coverage(layout, catalog, TENANT, DAY).unlisted == {"SOC2@1999:X.1": 1}


def test_a_promised_detector_that_stays_silent_is_listed_with_the_whole_day(sound: Coverage) -> None:
    found = next(detector for detector in sound.detectors if detector.name == "gitleaks")
    assert (found.expected, found.events, found.silent) == (True, 0, (Silence(start=0, end=24),))


def test_a_detector_is_listed_with_hours_versions_and_whether_it_was_promised(sound: Coverage) -> None:
    found = next(detector for detector in sound.detectors if detector.name == "presidio")
    assert (found.expected, found.described, found.events, found.observed_hours) == (False, True, 3, 2)
    assert found.hours[12] == 2
    assert found.silent == (Silence(start=0, end=12), Silence(start=13, end=23))


def test_a_detector_nobody_described_is_listed_as_such(catalog: Catalog, layout: Layout) -> None:
    write_events(layout, [Recorder(catalog).record(Said("in-house", "zzz", 60))])
    found = next(d for d in build_coverage(layout, catalog, TENANT, DAY).detectors if d.name == "in-house")
    assert (found.described, found.events) == (False, 1)


def test_categories_out_of_everybodys_sight_are_named(sound: Coverage) -> None:
    assert "BIAS" in sound.blind
    assert not {"PII", "SECRETS", "OTHER"} & set(sound.blind)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        ([0] * 24, [(0, 24)]),
        ([1] * 24, []),
        ([0, 1, 0, 0, 2] + [1] * 19, [(0, 1), (2, 4)]),
        ([1] * 23 + [0], [(23, 24)]),
    ],
)
def test_silence_is_every_longest_run_of_empty_hours(hours: list[int], expected: list[tuple[int, int]]) -> None:
    assert [(s.start, s.end) for s in silences(tuple(hours))] == expected
