"""What is answered without a model: exactly what the ladder would answer, for every label and spelling."""

from pathlib import Path

import pytest
from serving_app import FakeScorer, running_app, with_model

from mapper_domain import ladder
from mapper_domain.catalog import Catalog
from mapper_domain.ladder import Answer, Trust
from mapper_domain.rules import Match, RuleMapper
from mapper_serving.cache import Cache, Key, spelling

TRUST = Trust(rules={Match.EXACT: 1.0, Match.FORMAT: 0.97, Match.ALIAS: 0.8, Match.ELSEWHERE: 0.7})


@pytest.fixture(scope="module")
def rules(catalog: Catalog) -> RuleMapper:
    return RuleMapper(catalog)


def written_otherwise(label: str) -> list[str]:
    return [label.lower(), label.upper(), label.replace("_", "-"), label.replace("_", " "), f" {label} "]


def test_every_label_and_every_spelling_is_answered_as_the_rules_would(catalog: Catalog, rules: RuleMapper) -> None:
    cache, hits = Cache(rules, {}, TRUST), 0
    for detector in catalog.detectors:
        for mapping in detector.maps:
            for label in (mapping.label, *written_otherwise(mapping.label)):
                key = Key(detector.name, detector.version, mapping.field, spelling(label))
                found = cache.known(detector.name, mapping.field, label) or (cache.find(key, label) or (None,))[0]
                ruled = ladder.decide(rules.find(detector.name, label, mapping.field), None, trust=TRUST)
                assert found in (None, ruled), (detector.name, label)
                hits += found is not None
    assert hits > 4 * len(cache)


def test_an_answer_computed_at_promotion_goes_before_the_rules(rules: RuleMapper) -> None:
    prepared = Answer(labels=("PII.Identifier.SSN",), scores={"PII.Identifier.SSN": 0.9}, confidence=0.9, route="model")
    cache = Cache(rules, {("presidio", None, "US_SSN"): prepared}, TRUST)
    assert cache.known("presidio", None, "US_SSN") is prepared
    assert cache.known("presidio", "anywhere", "US_SSN") is prepared


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("spear_phishing_lure", "Spear-Phishing Lure", True),
        ("SpearPhishingLure", "spear.phishing.lure", True),
        ("the rapist", "therapist", False),
        ("C++ code", "C# code", False),
        ("<18", ">18", False),
        ("größe", "grüße", False),
        ("暴力", "色情", False),
    ],
)
def test_labels_share_an_answer_where_only_case_and_separators_differ(one: str, other: str, same: bool) -> None:
    assert (spelling(one) == spelling(other)) is same


def test_a_model_is_asked_once_about_all_spellings_of_one_label(tmp_path: Path, catalog: Catalog) -> None:
    adapter = FakeScorer(
        [label.name for label in catalog.taxonomy.labels], {"spear_phishing_lure": "JAILBREAK.Attempt"}
    )
    with running_app(tmp_path, with_model(catalog, adapter)) as app:
        spelt = ("spear_phishing_lure", "Spear-Phishing-Lure", "spear phishing lure", "spear_phishing_lure")
        answers = [app.map("presidio", label).json() for label in spelt]
        assert {answer["taxonomy"][0] for answer in answers} == {"JAILBREAK.Attempt"}
        assert len(adapter.questions) == 1
        assert app.metric('mapper_lookups_total{found="remembered"}') == 3
        for change in ({"detector_version": "9.9"}, {"metadata": {"field": "prompt"}}):
            app.map("presidio", "spear_phishing_lure", **change)
        app.map("gitleaks", "spear_phishing_lure")
        assert len(adapter.questions) == 4
