"""Who answers what: the same three words always the same release, and a share of them as large as was asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_domain.catalog import Catalog
from mapper_serving.releases.routing import Routing, label_of
from mapper_serving.state import Serving, rules_only

NAMES = st.text(max_size=20)


@pytest.fixture(scope="module")
def servings(catalog: Catalog) -> list[Serving]:
    """Three releases by name only."""
    rules = rules_only(catalog)
    versions = [rules.versions.model_copy(update={"release": name * 16}) for name in "abc"]
    return [Serving(catalog=catalog, rules=rules.rules, versions=v, words=rules.words) for v in versions]


@given(tenant=NAMES, detector=NAMES, label=NAMES)
def test_without_trials_the_stable_release_answers_all(
    servings: list[Serving], tenant: str, detector: str, label: str
) -> None:
    routing = Routing(servings[0])
    assert routing.choose(tenant, detector, label) is servings[0]
    assert routing.shadows(tenant, detector, label) is None


@given(tenant=NAMES, detector=NAMES, label=NAMES, shares=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_whoever_has_the_canary_keeps_it_when_the_share_grows(
    servings: list[Serving], tenant: str, detector: str, label: str, shares: tuple[float, float]
) -> None:
    stable, canary, _ = servings
    less, more = (Routing(stable, canary, share).choose(tenant, detector, label) for share in sorted(shares))
    assert less is stable or more is canary
    assert Routing(stable, canary, 1.0).choose(tenant, detector, label) is canary


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_the_share_is_what_was_asked_for_among_tenants_detectors_and_labels(
    servings: list[Serving], share: float
) -> None:
    stable, canary, _ = servings
    routing = Routing(stable, canary, share)
    words = [(f"tenant-{i}", f"detector-{j}", f"label-{k}") for i in range(20) for j in range(20) for k in range(20)]
    found = sum(routing.choose(*three) is canary for three in words) / len(words)
    assert found == pytest.approx(share, abs=0.03)


def test_another_canary_is_tried_on_others_and_a_shadow_too(servings: list[Serving]) -> None:
    stable, first, second = servings
    words = [("acme", "presidio", str(number)) for number in range(2_000)]
    chosen = [
        {three for three in words if Routing(stable, canary, 0.1).choose(*three) is canary}
        for canary in (first, second)
    ]
    shadowed = {three for three in words if Routing(stable, shadow=first, shadow_share=0.1).shadows(*three)}
    for one, other in ((chosen[0], chosen[1]), (chosen[0], shadowed)):
        assert 0 < len(one & other) < 0.3 * len(one)


@pytest.mark.parametrize(
    ("output", "label"),
    [
        ("US_SSN", "US_SSN"),
        ([{"entity_type": "US_SSN", "score": 0.9, "start": 0, "end": 9}], "US_SSN"),
        ([{"entity_type": "US_SSN", "score": 0.4, "start": 3, "end": 12}], "US_SSN"),
        (
            [
                {"entity_type": "US_SSN", "score": 0.9, "start": 0, "end": 9},
                {"entity_type": "PERSON", "score": 0.9, "start": 0, "end": 9},
            ],
            "PERSON\0US_SSN",
        ),
        ({"not": "its shape"}, ""),
    ],
)
def test_a_native_answer_is_routed_by_its_labels_alone(servings: list[Serving], output: object, label: str) -> None:
    assert label_of(output, "presidio", servings[0]) == label  # type: ignore[arg-type]
