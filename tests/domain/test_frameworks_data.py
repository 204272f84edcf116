"""The control catalogues and mappings as shipped: complete, resolvable, and covering every label."""

import re
from collections import Counter

import pytest
from catalogs import REPOSITORY

from mapper_domain.catalog import Catalog, load
from mapper_domain.frameworks import Framework, Frameworks
from mapper_domain.parsing_mappings import META

HIPAA_SCOPE = frozenset({"tenant.scope.hipaa"})


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load(REPOSITORY)


@pytest.fixture(scope="module")
def frameworks(catalog: Catalog) -> Frameworks:
    return catalog.frameworks


def edition(frameworks: Frameworks, key: str, name: str) -> Framework:
    return next(e for e in frameworks.editions if (e.key, e.edition) == (key, name))


@pytest.mark.parametrize(
    ("key", "name", "count"), [("SOC2", "2017", 61), ("ISO27001", "2022", 93), ("ISO27001", "2013", 114)]
)
def test_every_control_of_an_edition_is_listed_once(frameworks: Frameworks, key: str, name: str, count: int) -> None:
    ids = [control.id for control in edition(frameworks, key, name).controls]
    assert len(ids) == len(set(ids)) == count


def test_soc2_has_the_criteria_of_each_category(frameworks: Frameworks) -> None:
    ids = [control.id for control in edition(frameworks, "SOC2", "2017").controls]
    assert Counter(re.sub(r"\d.*", "", id_) for id_ in ids) == {"CC": 33, "A": 3, "C": 2, "PI": 5, "P": 18}


def test_iso_2022_has_the_controls_of_each_theme(frameworks: Frameworks) -> None:
    ids = [control.id for control in edition(frameworks, "ISO27001", "2022").controls]
    assert Counter(id_.split(".")[1] for id_ in ids) == {"5": 37, "6": 8, "7": 14, "8": 34}


@pytest.mark.parametrize(
    ("section", "count"),
    [
        ("308", 9 + 21 + 2),  # standards, implementation specifications, 164.308(a) as a whole and (b)(2)
        ("310", 4 + 8),
        ("312", 5 + 7),
        ("314", 6),
        ("316", 5),
    ],
)
def test_the_security_rule_is_complete(frameworks: Frameworks, section: str, count: int) -> None:
    ids = [control.id for control in edition(frameworks, "HIPAA", "45CFR164").controls]
    assert sum(id_.startswith(f"164.{section}(") for id_ in ids) == count


def test_every_control_of_iso_2013_has_a_successor_and_eleven_of_2022_are_new(frameworks: Frameworks) -> None:
    earlier = {f"2013:{control.id}" for control in edition(frameworks, "ISO27001", "2013").controls}
    controls = edition(frameworks, "ISO27001", "2022").controls
    assert {id_ for control in controls for id_ in control.supersedes} == earlier
    assert [control.id for control in controls if not control.supersedes] == [
        f"A.{id_}" for id_ in ("5.7", "5.23", "5.30", "7.4", "8.9", "8.10", "8.11", "8.12", "8.16", "8.23", "8.28")
    ]


@pytest.mark.parametrize(
    ("short", "key"),
    [
        ("SOC2:CC7.2", "SOC2@2017:CC7.2"),
        ("ISO27001:A.12.4.1", "ISO27001@2013:A.12.4.1"),
        ("ISO27001:A.8.15", "ISO27001@2022:A.8.15"),
        ("HIPAA:164.308(a)", "HIPAA@45CFR164:164.308(a)"),
        ("SOC2@2017:CC7.2", "SOC2@2017:CC7.2"),
        ("SOC2:CC7.22", None),
    ],
)
def test_short_ids_resolve_to_their_edition(frameworks: Frameworks, short: str, key: str | None) -> None:
    assert frameworks.resolve(short) == key


def test_the_founding_logging_control_leads_to_its_successor(frameworks: Frameworks) -> None:
    successors = [c.id for c in edition(frameworks, "ISO27001", "2022").controls if "2013:A.12.4.1" in c.supersedes]
    assert successors == ["A.8.15"]


def test_physical_safeguards_are_listed_as_unsupported_and_nothing_maps_to_them(frameworks: Frameworks) -> None:
    unsupported = {key for key, control in frameworks.controls.items() if not control.supported}
    assert unsupported == {key for key in frameworks.controls if ":164.310" in key}
    assert len(unsupported) == 12
    assert not unsupported & {row.control for row in frameworks.evidence}


def test_every_label_is_evidence_for_some_control(catalog: Catalog) -> None:
    without = [label.name for label in catalog.taxonomy.labels if not catalog.frameworks.evidence_for([label.name])]
    assert without == []


def test_every_mapped_control_is_of_a_current_edition(frameworks: Frameworks) -> None:
    current = tuple(f"{e.key}@{e.edition}:" for e in frameworks.editions if e.status == "current")
    assert all(row.control.startswith(current) for row in frameworks.evidence)


def hipaa(frameworks: Frameworks, label: str, conditions: frozenset[str] = frozenset()) -> bool:
    return any(row.control.startswith("HIPAA") for row in frameworks.evidence_for([label], conditions))


def test_a_health_label_is_hipaa_evidence_for_every_tenant(catalog: Catalog) -> None:
    health = [name for name in catalog.taxonomy.names if name.startswith("PII.Health.")]
    assert len(health) == 3
    assert all(hipaa(catalog.frameworks, name) for name in health)


@pytest.mark.parametrize("label", ["PII.Identifier.SSN", "SECRETS.APIKey", "JAILBREAK.Attempt", "HARM.SPEECH.Insult"])
def test_any_other_label_is_hipaa_evidence_only_in_its_scope(frameworks: Frameworks, label: str) -> None:
    assert not hipaa(frameworks, label)
    assert hipaa(frameworks, label, HIPAA_SCOPE)


@pytest.mark.parametrize("label", ["OTHER.Unknown", "OTHER.ModelError"])
def test_what_nobody_understood_is_evidence_of_a_gap_only(frameworks: Frameworks, label: str) -> None:
    rows = frameworks.evidence_for([label], HIPAA_SCOPE)
    assert {row.control for row in rows} == {"SOC2@2017:CC4.2", "SOC2@2017:PI1.3"}


def test_a_safe_answer_shows_that_monitoring_ran_and_is_no_exception(frameworks: Frameworks) -> None:
    rows = frameworks.evidence_for(["OTHER.Safe"], HIPAA_SCOPE)
    assert "SOC2@2017:CC7.2" in {row.control for row in rows}
    assert {row.role for row in rows} == {"detective", "record"}


def test_the_pipelines_own_records_are_evidence_no_event_carries(catalog: Catalog) -> None:
    own = [row for row in catalog.frameworks.evidence if row.label == META]
    assert {"SOC2@2017:PI1.3", "ISO27001@2022:A.8.32"} <= {row.control for row in own}
    carried = catalog.frameworks.evidence_for(catalog.taxonomy.names, HIPAA_SCOPE)
    assert not [row for row in carried if row.label == META]


def test_every_row_says_why(frameworks: Frameworks) -> None:
    assert [row for row in frameworks.evidence if not row.rationale] == []
