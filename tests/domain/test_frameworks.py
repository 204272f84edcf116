"""Labels inherit the evidence of their ancestors; controls are found with and without their edition."""

import pytest

from mapper_domain.catalog import Catalog


@pytest.mark.parametrize(
    ("label", "conditions", "roles"),
    [
        ("PII.Contact.Email", frozenset(), ("detective",)),
        ("PIIX.Contact", frozenset(), ()),
        ("HARM.SPEECH.Insult", frozenset(), ()),
        ("HARM.SPEECH.Insult", frozenset({"tenant.scope.x"}), ("exception",)),
    ],
)
def test_evidence_covers_a_label_through_its_ancestors_when_the_condition_holds(
    small_catalog: Catalog, label: str, conditions: frozenset[str], roles: tuple[str, ...]
) -> None:
    rows = small_catalog.frameworks.evidence_for([label], conditions)
    assert tuple(row.role for row in rows) == roles


@pytest.mark.parametrize(
    ("written", "key"),
    [("SOC2:CC7.2", "SOC2@2017:CC7.2"), ("SOC2@2017:CC7.2", "SOC2@2017:CC7.2"), ("SOC2:CC9.9", None)],
)
def test_a_control_resolves_to_its_edition(small_catalog: Catalog, written: str, key: str | None) -> None:
    assert small_catalog.frameworks.resolve(written) == key
