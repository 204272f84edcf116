from datetime import UTC, datetime
from pathlib import Path

import pytest
from catalogs import REPOSITORY, broken_copy
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.catalog import Catalog, load, load_history
from mapper_domain.errors import CatalogError, MigrationError
from mapper_domain.events import CanonicalEvent, EventRecord, PolicyContext, Provenance, Versions
from mapper_domain.history import History
from mapper_domain.migration import Migration, migrate_event, migrate_record

CHANGES = Migration(
    source="2026.01",
    target="2026.02",
    kept=("A.Same", "OTHER.Unknown"),
    renamed={"A.Old": "A.New"},
    split={"B.Broad": ("B.Broad", "B.Narrow")},
    merged={"C.One": ("C.x", "C.z")},
    added=("D.Fresh",),
    removed=("E.Gone",),
)


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load(REPOSITORY)


@pytest.fixture(scope="module")
def history() -> History:
    return load_history(REPOSITORY)


@pytest.fixture(scope="module")
def shipped(history: History) -> Migration:
    return history.migration("2025.09", "2026.11")


def event(scores: dict[str, float], confidence: float = 0.9) -> CanonicalEvent:
    return CanonicalEvent(
        taxonomy=tuple(scores),
        scores=scores,
        confidence=confidence,
        notes="as it was",
        provenance=Provenance(
            detector="x", route="model", model="r", tenant_id="acme", ts=datetime(2026, 1, 2, tzinfo=UTC)
        ),
        policy_context=PolicyContext(),
    )


def record(taxonomy: str, scores: dict[str, float]) -> EventRecord:
    moment = datetime(2025, 10, 1, tzinfo=UTC)
    return EventRecord(
        event_id="0199a0e0-0000-7000-8000-000000000001",
        tenant_id="acme",
        sequence=1,
        occurred_at=moment,
        recorded_at=moment,
        versions=Versions(taxonomy=taxonomy, frameworks="v1.0", release="r", catalog="c", prompt="1"),
        controls=("SOC2@2017:CC7.2",),
        event=event(scores),
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A.Same", "A.Same"),
        ("A.Old", "A.New"),
        ("B.Broad", "B.Broad"),
        ("C.x", "C.One"),
        ("C.z", "C.One"),
        ("E.Gone", "OTHER.Unknown"),
    ],
)
def test_each_kind_of_change_carries_its_labels_forward(old: str, new: str) -> None:
    assert CHANGES.label(old) == new


def test_a_split_label_keeps_every_successor_for_those_who_know_more() -> None:
    assert CHANGES.successors["B.Broad"] == ("B.Broad", "B.Narrow")


def test_a_label_of_another_version_is_refused() -> None:
    with pytest.raises(MigrationError, match=r"'D.Fresh' is not a label of taxonomy 2026.01"):
        CHANGES.label("D.Fresh")


def test_a_way_back_that_would_guess_is_refused_and_names_every_guess() -> None:
    with pytest.raises(MigrationError) as raised:
        CHANGES.inverse()
    assert "'C.One' (from C.x, C.z)" in str(raised.value)
    assert "'D.Fresh' (from nothing)" in str(raised.value)
    assert "B.Narrow" not in str(raised.value)


def test_a_way_back_with_choices_loses_nothing_it_was_not_told_to_lose() -> None:
    back = CHANGES.inverse({"C.One": "C.z", "D.Fresh": "OTHER.Unknown"})
    assert (back.source, back.target) == ("2026.02", "2026.01")
    assert {new: back.label(new) for new in CHANGES.predecessors} == {
        "A.Same": "A.Same",
        "OTHER.Unknown": "OTHER.Unknown",
        "A.New": "A.Old",
        "B.Broad": "B.Broad",
        "B.Narrow": "B.Broad",
        "C.One": "C.z",
        "D.Fresh": "OTHER.Unknown",
    }
    assert back.removed == ("D.Fresh",)
    assert set(back.added) == {"C.x", "E.Gone"}


@pytest.mark.parametrize("choices", [{"C.One": "C.y", "D.Fresh": "A.Old"}, {"C.Two": "C.x"}])
def test_a_choice_between_labels_that_do_not_exist_is_refused(choices: dict[str, str]) -> None:
    with pytest.raises(MigrationError):
        CHANGES.inverse(choices | {"C.One": choices.get("C.One", "C.x"), "D.Fresh": "OTHER.Unknown"})


NAMES = st.sampled_from([f"L.{letter}" for letter in "abcdefgh"])


@given(renames=st.dictionaries(NAMES, st.sampled_from([f"N.{letter}" for letter in "abcdefgh"]), min_size=1))
def test_forward_and_back_is_the_identity_or_is_refused(renames: dict[str, str]) -> None:
    by_new: dict[str, list[str]] = {}
    for old, new in renames.items():
        by_new.setdefault(new, []).append(old)
    migration = Migration(
        source="2026.01",
        target="2026.02",
        renamed={olds[0]: new for new, olds in by_new.items() if len(olds) == 1},
        merged={new: tuple(olds) for new, olds in by_new.items() if len(olds) > 1},
    )
    if migration.merged:
        with pytest.raises(MigrationError):
            migration.inverse()
    else:
        back = migration.inverse()
        assert all(back.label(migration.label(old)) == old for old in renames)


def test_labels_that_became_one_keep_the_highest_score() -> None:
    migrated = migrate_event(event({"C.x": 0.4, "A.Same": 0.9, "C.z": 0.7}), CHANGES)
    assert migrated.taxonomy == ("C.One", "A.Same")
    assert migrated.scores == {"C.One": 0.7, "A.Same": 0.9}
    assert migrated.confidence == 0.9
    assert migrated.notes == "as it was"


def test_a_removed_label_leaves_what_is_understood_alone() -> None:
    assert migrate_event(event({"E.Gone": 0.9, "A.Same": 0.8}), CHANGES).scores == {"A.Same": 0.8}


def test_an_event_of_removed_labels_only_becomes_unknown_with_confidence_zero() -> None:
    migrated = migrate_event(event({"E.Gone": 0.9}), CHANGES)
    assert (migrated.scores, migrated.confidence) == ({"OTHER.Unknown": 0.0}, 0.0)


def test_the_first_version_has_35_labels_and_all_are_accounted_for(history: History, shipped: Migration) -> None:
    (first,) = history.versions
    assert first.version == "2025.09"
    assert len(first.names) == 35
    assert set(shipped.successors) == first.names


def test_the_shipped_migration_reaches_every_current_label_and_loses_none(catalog: Catalog, shipped: Migration) -> None:
    assert set(shipped.predecessors) == catalog.taxonomy.names
    assert all(shipped.label(old) == old for old in shipped.successors)
    assert not shipped.removed
    assert not shipped.merged


def test_going_back_from_131_labels_to_35_needs_a_choice_for_each_that_has_no_home(shipped: Migration) -> None:
    with pytest.raises(MigrationError, match=r"SECRETS\.APIKey"):
        shipped.inverse()
    back = shipped.inverse(dict.fromkeys(shipped.added, "OTHER.Unknown"))
    assert back.label("HARM.SPEECH.Harassment") == "HARM.SPEECH.Insult"
    assert back.label("SECRETS.APIKey") == "OTHER.Unknown"
    assert all(back.label(shipped.label(old)) == old for old in shipped.successors)


def test_a_stored_event_gets_the_new_versions_and_the_controls_of_its_new_labels(
    catalog: Catalog, shipped: Migration
) -> None:
    migrated = migrate_record(record("2025.09", {"PII.Health.HIPAA": 0.8}), shipped, catalog.frameworks)
    assert migrated.versions.taxonomy == "2026.11"
    assert migrated.versions.frameworks == "2026.11"
    assert "HIPAA@45CFR164:164.312(b)" in migrated.controls
    assert list(migrated.controls) == sorted(migrated.controls)
    assert migrated.event_id == "0199a0e0-0000-7000-8000-000000000001"


def test_a_stored_event_of_another_version_is_refused(catalog: Catalog, shipped: Migration) -> None:
    with pytest.raises(MigrationError, match=r"labelled with taxonomy 2026\.11, not 2025\.09"):
        migrate_record(record("2026.11", {"PII.Other": 0.8}), shipped, catalog.frameworks)


def test_a_migration_nobody_described_is_refused_naming_those_described(history: History) -> None:
    with pytest.raises(MigrationError, match=r"2025\.09 to 2026\.11"):
        history.migration("2026.11", "2025.09")


def test_the_history_of_a_broken_taxonomy_is_refused_with_its_problems(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"'2026\.13' is not a version"):
        load_history(broken_copy("taxonomy-version-not-year-and-month", tmp_path))
