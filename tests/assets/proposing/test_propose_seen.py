"""From events to files for review: what nobody has mapped, whose words it is, and that every file can be merged."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from segments import DAY, Recorder, Said, tamper, write_events

from mapper_assets.proposing.propose_seen import propose_all, summary
from mapper_assets.proposing.seen import SHARED, Seen, Sighting, sightings, unmapped
from mapper_assets.proposing.write import TABLE, problems, write
from mapper_domain.catalog import Catalog, load
from mapper_domain.layout import Layout
from mapper_domain.rules import Match, RuleMapper

REPOSITORY = Path(__file__).parents[3]
EMAIL = "PII.Contact.Email"
SINCE = date.fromisoformat(DAY)


def record(layout: Layout, catalog: Catalog, tenant: str, *said: tuple[str, str]) -> Path:
    """Events of a tenant whose labels may be stored as they are."""
    recorder = Recorder(catalog, tenant=tenant)
    events = []
    for second, (detector, label) in enumerate(said):
        event = recorder.record(Said(detector, label, second))
        events.append(event.model_copy(update={"source_label": label, "source_label_hmac": None}))
    return write_events(layout, events)


def test_labels_of_all_tenants_are_counted(tmp_path, catalog) -> None:
    layout = Layout(tmp_path)
    record(layout, catalog, "acme", ("presidio", "US_SSN"), ("presidio", "phone card"), ("presidio", "phone card"))
    record(layout, catalog, "globex", ("presidio", "phone card"))
    found, wrong = sightings(layout, SINCE)
    assert (sorted(found), wrong) == (
        [
            Sighting("acme", "presidio", "US_SSN", 1),
            Sighting("acme", "presidio", "phone card", 2),
            Sighting("globex", "presidio", "phone card", 1),
        ],
        [],
    )
    assert sightings(layout, date(2027, 1, 1)) == ([], [])


def test_an_altered_segment_is_left_out_and_named(tmp_path, catalog) -> None:
    layout = Layout(tmp_path)
    tamper(record(layout, catalog, "acme", ("presidio", "phone card"), ("presidio", "phone card")))
    found, wrong = sightings(layout, SINCE)
    assert found == []
    assert "was altered" in wrong[0]


def test_what_is_reviewed_is_not_proposed_whatever_its_route_was(catalog) -> None:
    found = [
        Sighting("acme", "presidio", "US_SSN", 4),
        Sighting("acme", "presidio", "us-ssn", 1),
        Sighting("acme", "presidio", "US_SSN | phone card", 2),
    ]
    assert [(one.detector, dict(one.labels)) for one in unmapped(found, catalog)] == [
        ("presidio", {"phone card": Seen(2, 1)})
    ]


def test_one_tenants_word_stays_with_that_tenant_until_another_says_it(catalog) -> None:
    alone = [Sighting("acme", "presidio", "zorb phone", 3)]
    assert [one.tenant for one in unmapped(alone, catalog)] == ["acme"]
    both = [*alone, Sighting("globex", "presidio", "zorb phone", 1)]
    assert [(one.tenant, dict(one.labels)) for one in unmapped(both, catalog)] == [(SHARED, {"zorb phone": Seen(4, 2)})]


def test_a_detector_only_one_tenant_names_is_that_tenants_word_too(catalog) -> None:
    own = [Sighting("acme", "acme-zorb", "phone", 1), Sighting("acme", "my-phone-scanner", "phone", 1)]
    assert [(one.tenant, one.detector) for one in unmapped(own, catalog)] == [
        (SHARED, "my-phone-scanner"),
        ("acme", "acme-zorb"),
    ]


def test_a_hashed_name_is_no_name(catalog) -> None:
    assert unmapped([Sighting("acme", f"unlisted-{'a1' * 8}", "phone", 9)], catalog) == []


@pytest.fixture
def proposed(deployed):
    found = [
        Sighting("acme", "my-phone-scanner", "phone mail", 5),
        Sighting("globex", "My_Phone_Scanner", "phone mail", 2),
        Sighting("globex", "my-phone-scanner", "card mail", 1),
        Sighting("acme", "acme-zorb", "phone mail", 1),
    ]
    return propose_all(found, deployed({"phone mail": EMAIL}), log=lambda _line: None)


def test_files_say_what_is_sure_and_the_table_how_often_it_came(proposed, tmp_path, catalog) -> None:
    write(proposed, tmp_path)
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert files == {"my-phone-scanner.yaml", "tenant=acme/acme-zorb.yaml", TABLE}
    table = (tmp_path / TABLE).read_text()
    assert f"| my-phone-scanner | phone mail | 7 | 2 | {EMAIL} | " in table
    assert "neither rules nor model know it |" in table
    assert "acme" not in table
    assert "globex" not in table
    assert "Proposed by release 0123456789abcdef" in (tmp_path / "my-phone-scanner.yaml").read_text()
    assert problems(tmp_path, catalog.taxonomy) == []


def test_a_file_that_could_not_be_merged_is_found(proposed, tmp_path, catalog) -> None:
    write(proposed, tmp_path)
    path = tmp_path / "my-phone-scanner.yaml"
    path.write_text(path.read_text().replace("# card mail: OTHER.Unknown", "# card mail: NO.Such"))
    assert ["'NO.Such'" in problem for problem in problems(tmp_path, catalog.taxonomy)] == [True]


def test_a_run_replaces_what_the_last_one_wrote(proposed, tmp_path) -> None:
    first = write(proposed, tmp_path)
    assert write(proposed, tmp_path) == first
    assert write(proposed[:1], tmp_path) != first
    assert not (tmp_path / "tenant=acme" / "acme-zorb.yaml").exists()


def test_a_run_reports_counts_and_names_no_tenant(proposed) -> None:
    said = summary(proposed)
    assert {k: said[k] for k in ("detectors", "labels", "settled", "to_review", "private_files")} == {
        "detectors": 1,
        "labels": 2,
        "settled": 1,
        "to_review": 1,
        "private_files": 1,
    }
    assert "acme" not in str(said)


def test_merging_a_proposed_file_makes_its_settled_labels_reviewed(proposed, tmp_path) -> None:
    for folder in ("taxonomy", "detectors", "frameworks"):
        shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    write(proposed, tmp_path / "proposals")
    shutil.copy2(tmp_path / "proposals" / "my-phone-scanner.yaml", tmp_path / "detectors")
    merged = load(tmp_path)
    hit = RuleMapper(merged).find("my-phone-scanner", "phone mail")
    assert hit is not None
    assert (hit.match, hit.labels) == (Match.EXACT, (EMAIL,))
    again = unmapped([Sighting("acme", "my-phone-scanner", "phone mail", 1)], merged)
    assert again == []
